/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * segtest: tests of /dev/hicamp inside a guest.
 *
 *   segtest sink PORT FILE           serve: put into FILE what a connection
 *                                    carries, one after the other
 *   segtest send HOW HOST PORT BYTES [SEED]
 *                                    a segment of random bytes, sent with HOW:
 *                                    sendfile, splice, zerocopy, write, file
 *                                    (file: a file's pages, for comparison);
 *                                    puts the bytes into /tmp/sent, too
 *   segtest local                    everything that needs no network
 *   segtest queued HOST PORT         free a segment that is queued
 *   segtest hold BYTES FIFO          keep a mapped segment until FIFO is
 *                                    written to, then say what became of it
 *   segtest many NR                  many segments at a time
 *   segtest exhaust FIFO             write a segment until there is no room, go
 *                                    on trying until FIFO is written to, then
 *                                    say "refused NR" (of tries)
 *
 * "ok - PROMISE" and "not ok - PROMISE # WHY" lines; the exit code is 1 when
 * there was a "not ok", 2 when the test could not run.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hicamp_segment.h"

#ifndef MSG_ZEROCOPY
#define MSG_ZEROCOPY 0x4000000
#endif
#ifndef SO_ZEROCOPY
#define SO_ZEROCOPY 60
#endif

#define PAGE 4096u

static int failures;

static void die(const char *what)
{
    perror(what);
    exit(2);
}

static void promise(bool kept, const char *name)
{
    if ( kept )
        printf("ok - %s\n", name);
    else
        printf("not ok - %s # errno %d (%s)\n", name, errno, strerror(errno));
    failures += !kept;
    fflush(stdout);
}

/* Random bytes that a seed gives again (splitmix64). */
static void fill(uint8_t *p, size_t bytes, uint64_t seed)
{
    size_t i;

    for ( i = 0; i < bytes; i++ )
    {
        uint64_t z = seed + (i + 1) * UINT64_C(0x9e3779b97f4a7c15);

        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        p[i] = z >> 56;
    }
}

/* Keep bytes for sha256sum. */
static void keep(const char *path, const uint8_t *p, size_t bytes)
{
    FILE *f = fopen(path, "w");

    if ( !f || fwrite(p, 1, bytes, f) != bytes || fclose(f) )
        die(path);
}

static int device(void)
{
    int fd = open("/dev/hicamp", O_RDWR | O_CLOEXEC);

    if ( fd < 0 )
        die("/dev/hicamp");
    return fd;
}

static int create(int fd, uint64_t bytes, uint32_t flags)
{
    struct hicamp_ioc_create c = { .bytes = bytes, .flags = flags };

    return ioctl(fd, HICAMP_IOC_CREATE, &c);
}

static int snapshot(int fd, uint32_t flags)
{
    struct hicamp_ioc_snapshot s = { .flags = flags, .fd = -1 };

    return ioctl(fd, HICAMP_IOC_SNAPSHOT, &s) ? -1 : s.fd;
}

static void put(int fd, const uint8_t *data, size_t bytes)
{
    while ( bytes )
    {
        ssize_t n = write(fd, data, bytes);

        if ( n <= 0 )
            die("write");
        data += n;
        bytes -= n;
    }
}

/* A segment with these bytes. */
static int segment(const uint8_t *data, size_t bytes)
{
    int fd = device();

    if ( create(fd, bytes, 0) )
        die("create");
    put(fd, data, bytes);
    return fd;
}

static bool holds(int fd, const uint8_t *data, size_t bytes)
{
    uint8_t *got = malloc(bytes + 1);
    ssize_t n = 0, all = 0;
    bool same;

    while ( (n = pread(fd, got + all, bytes + 1 - all, all)) > 0 )
        all += n;
    same = !n && (size_t)all == bytes && !memcmp(got, data, bytes);
    free(got);
    return same;
}

static int dial(const char *host, const char *port)
{
    struct sockaddr_in to = { .sin_family = AF_INET };
    int fd = socket(AF_INET, SOCK_STREAM, 0), tries;

    to.sin_port = htons(atoi(port));
    if ( fd < 0 || !inet_aton(host, &to.sin_addr) )
        die("socket");
    for ( tries = 0; connect(fd, (void *)&to, sizeof(to)); tries++ )
    {
        if ( tries == 50 )
            die("connect");
        usleep(100000);
    }
    return fd;
}

static void sink(const char *port, const char *path)
{
    struct sockaddr_in at = { .sin_family = AF_INET };
    static uint8_t buf[1 << 16];
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    char part[256];

    snprintf(part, sizeof(part), "%s.part", path);
    at.sin_port = htons(atoi(port));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if ( bind(fd, (void *)&at, sizeof(at)) || listen(fd, 8) )
        die("listen");
    for ( ; ; )
    {
        int c = accept(fd, NULL, NULL);
        FILE *f = fopen(part, "w");
        ssize_t n;

        if ( c < 0 || !f )
            die("accept");
        usleep(300000);         /* a queue builds up at the sender */
        while ( (n = read(c, buf, sizeof(buf))) > 0 )
            if ( fwrite(buf, 1, n, f) != (size_t)n )
                die(part);
        if ( n || fclose(f) || rename(part, path) )
            die(path);
        close(c);               /* tells the sender that the file is there */
    }
}

static int send_file(int sock, int fd, size_t bytes)
{
    off_t off = 0;

    while ( (size_t)off < bytes )
        if ( sendfile(sock, fd, &off, bytes - off) <= 0 )
            return -1;
    return 0;
}

static int send_splice(int sock, int fd, size_t bytes)
{
    size_t done = 0;
    int p[2];

    if ( pipe(p) )
        return -1;
    while ( done < bytes )
    {
        ssize_t n = splice(fd, NULL, p[1], NULL, bytes - done, 0), m;

        if ( n <= 0 )
            return -1;
        done += n;
        for ( ; n; n -= m )
            if ( (m = splice(p[0], NULL, sock, NULL, n,
                             done < bytes ? SPLICE_F_MORE : 0)) <= 0 )
                return -1;
    }
    close(p[0]);
    close(p[1]);
    return 0;
}

/* Read what the kernel says of sends that it has done with. */
static unsigned int reap(int sock)
{
    struct msghdr msg = { 0 };
    char control[128];
    struct cmsghdr *c;
    unsigned int n = 0;

    msg.msg_control = control;
    msg.msg_controllen = sizeof(control);
    if ( recvmsg(sock, &msg, MSG_ERRQUEUE) < 0 )
        return 0;
    for ( c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c) )
    {
        struct sock_extended_err *e = (void *)CMSG_DATA(c);

        if ( e->ee_origin == SO_EE_ORIGIN_ZEROCOPY )
            n += e->ee_data - e->ee_info + 1;
    }
    return n;
}

static int send_zerocopy(int sock, int fd, size_t bytes)
{
    uint8_t *p = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
    unsigned int sent = 0, done = 0, tries;
    size_t at = 0;
    int one = 1;

    if ( p == MAP_FAILED ||
         setsockopt(sock, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)) )
        return -1;
    while ( at < bytes )
    {
        ssize_t n = send(sock, p + at, bytes - at < 65536 ? bytes - at : 65536,
                         MSG_ZEROCOPY);

        if ( n < 0 && errno == ENOBUFS )
            done += reap(sock);
        else if ( n <= 0 )
            return -1;
        else
        {
            at += n;
            sent++;
        }
    }
    for ( tries = 0; done < sent && tries < 100; tries++ )
    {
        struct pollfd pfd = { .fd = sock };

        poll(&pfd, 1, 100);
        done += reap(sock);
    }
    munmap(p, bytes);
    return done == sent ? 0 : -1;
}

static int send_write(int sock, int fd, size_t bytes)
{
    static uint8_t buf[1 << 16];
    ssize_t n, m, at;

    (void)bytes;
    lseek(fd, 0, SEEK_SET);
    while ( (n = read(fd, buf, sizeof(buf))) > 0 )
        for ( at = 0; at < n; at += m )
            if ( (m = write(sock, buf + at, n - at)) <= 0 )
                return -1;
    return n;
}

static int cmd_send(const char *how, const char *host, const char *port,
                    size_t bytes, uint64_t seed)
{
    uint8_t *data = malloc(bytes);
    int sock = dial(host, port), fd, rc;
    char c;

    fill(data, bytes, seed);
    if ( !strcmp(how, "file") )
    {
        fd = open("/tmp/segtest.file", O_RDWR | O_CREAT | O_TRUNC, 0600);
        put(fd, data, bytes);
    }
    else
        fd = segment(data, bytes);

    lseek(fd, 0, SEEK_SET);
    if ( !strcmp(how, "splice") )
        rc = send_splice(sock, fd, bytes);
    else if ( !strcmp(how, "zerocopy") )
        rc = send_zerocopy(sock, fd, bytes);
    else if ( !strcmp(how, "write") )
        rc = send_write(sock, fd, bytes);
    else
        rc = send_file(sock, fd, bytes);
    if ( rc )
        die(how);
    close(fd);      /* also while it is queued */
    shutdown(sock, SHUT_WR);
    while ( read(sock, &c, 1) > 0 )
        ;
    keep("/tmp/sent", data, bytes);
    return 0;
}

static sigjmp_buf fault;

static void on_fault(int sig)
{
    siglongjmp(fault, sig);
}

/* The signal that an access gives; 0 if none. */
static int touch(volatile uint8_t *p, bool write)
{
    struct sigaction act = { .sa_handler = on_fault }, segv, bus;
    int sig;

    sigaction(SIGSEGV, &act, &segv);
    sigaction(SIGBUS, &act, &bus);
    sig = sigsetjmp(fault, 1);
    if ( !sig )
    {
        if ( write )
            *p = 1;
        else
            (void)*p;
    }
    sigaction(SIGSEGV, &segv, NULL);
    sigaction(SIGBUS, &bus, NULL);
    return sig;
}

static void test_mapping(const uint8_t *data, size_t bytes)
{
    int fd = segment(data, bytes);
    uint8_t *p = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);

    promise(p != MAP_FAILED && !memcmp(p, data, bytes),
            "a mapping shows what was written");
    promise(touch(p, true) == SIGSEGV && p[0] == data[0],
            "a write to the mapping gives SIGSEGV");
    promise(mprotect(p, PAGE, PROT_READ | PROT_WRITE) && errno == EACCES,
            "mprotect cannot make it writable");
    promise(mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) ==
            MAP_FAILED && errno == EACCES, "it cannot be mapped writable");
    promise(pwrite(fd, "x", 1, 0) < 0 && errno == EPERM,
            "what is mapped cannot be written");
    close(fd);
    promise(!memcmp(p, data, bytes), "a mapping outlives its file");
    munmap(p, bytes);

    fd = segment(data, PAGE);
    p = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
    promise(!touch(p, false) && touch(p + PAGE, false) == SIGBUS,
            "behind the end there is SIGBUS");
    ioctl(fd, HICAMP_IOC_FREE);
    promise(!memcmp(p, data, PAGE), "what is mapped stays when it is freed");
    munmap(p, 2 * PAGE);
    close(fd);
}

static void test_snapshot(const uint8_t *data, size_t bytes)
{
    int fd = segment(data, bytes), snap = snapshot(fd, 0), copy;
    struct hicamp_ioc_info info;
    uint8_t *p, x = ~data[5000];

    promise(snap >= 0 && pwrite(fd, &x, 1, 5000) == 1 &&
            holds(snap, data, bytes), "a snapshot reads the old bytes");
    p = mmap(NULL, bytes, PROT_READ, MAP_SHARED, snap, 0);
    promise(p != MAP_FAILED && !memcmp(p, data, bytes),
            "a snapshot's mapping shows the old bytes");
    x ^= 1;
    promise(pwrite(fd, &x, 1, 5000) == 1 && !memcmp(p, data, bytes),
            "they stay when the origin is written again");
    promise(pread(fd, &x, 1, 5000) == 1 && x == (uint8_t)(~data[5000] ^ 1),
            "the origin reads its new bytes");
    promise(pwrite(snap, "x", 1, 0) < 0 && errno == EPERM,
            "a snapshot cannot be written");
    copy = snapshot(snap, HICAMP_SNAPSHOT_WRITABLE);
    x = ~data[0];
    promise(copy >= 0 && pwrite(copy, &x, 1, 0) == 1 &&
            !memcmp(p, data, bytes) && holds(snap, data, bytes),
            "a writable snapshot is written alone");
    promise(!ioctl(snap, HICAMP_IOC_INFO, &info) && info.bytes == bytes &&
            info.flags == HICAMP_INFO_SEALED && info.mapped >= bytes,
            "info tells size, seal and what is mapped");
    /* Two maps of one frame, one of them gone. */
    munmap(p, bytes);
    close(snap);
    p = mmap(NULL, bytes, PROT_READ, MAP_SHARED, copy, 0);
    promise(p != MAP_FAILED && p[0] == x &&
            !memcmp(p + 1, data + 1, bytes - 1),
            "frames shared with a snapshot are shown after it has gone");
    munmap(p, bytes);
    close(copy);
    close(fd);
}

static void test_arguments(void)
{
    struct hicamp_ioc_create c = { .bytes = PAGE, .pad = 1 };
    struct hicamp_ioc_snapshot s = { .flags = 2 };
    int fd = device();
    char x;

    promise(ioctl(fd, 0x1234) && errno == ENOTTY, "unknown: ENOTTY");
    promise(ioctl(fd, HICAMP_IOC_CREATE, &c) && errno == EINVAL,
            "padding is checked");
    promise(create(fd, PAGE, 1) && errno == EINVAL, "flags are checked");
    promise(create(fd, 0, 0) && errno == EINVAL, "no segment of no bytes");
    promise(create(fd, UINT64_C(1) << 50, 0) && errno == EFBIG,
            "no segment above the limit");
    promise(ioctl(fd, HICAMP_IOC_CREATE, NULL) && errno == EFAULT,
            "addresses are checked");
    promise(read(fd, &x, 1) < 0 && errno == ENXIO &&
            ioctl(fd, HICAMP_IOC_FREE) && errno == ENXIO &&
            mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED &&
            errno == ENXIO, "a file that is no segment: ENXIO");
    promise(!create(fd, 100, 0) && create(fd, 100, 0) && errno == EBUSY,
            "a file is one segment");
    promise(ioctl(fd, HICAMP_IOC_SNAPSHOT, &s) && errno == EINVAL,
            "flags of a snapshot are checked");
    promise(lseek(fd, 0, SEEK_END) == 100 && write(fd, "x", 1) < 0 &&
            errno == ENOSPC && !read(fd, &x, 1), "a segment has an end");
    promise(!ioctl(fd, HICAMP_IOC_SEAL) && pwrite(fd, "x", 1, 0) < 0 &&
            errno == EPERM, "a sealed segment cannot be written");
    promise(!ioctl(fd, HICAMP_IOC_FREE) && !create(fd, PAGE, 0),
            "a file can become another segment");
    close(fd);
}

static int cmd_local(void)
{
    static const size_t sizes[] = { 1, 511, 512, 4095, 4096, 4097, 65536,
                                    1048576, 1048577, 5000000 };
    size_t max = 5000000;
    uint8_t *data = malloc(max), *zero = calloc(1, 3 << 20);
    unsigned int i;
    bool same = true;
    int fd;

    fill(data, max, 1);
    for ( i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++ )
    {
        uint8_t *p;

        fd = segment(data, sizes[i]);
        same = same && holds(fd, data, sizes[i]);
        p = mmap(NULL, sizes[i], PROT_READ, MAP_SHARED, fd, 0);
        same = same && p != MAP_FAILED && !memcmp(p, data, sizes[i]);
        munmap(p, sizes[i]);
        close(fd);
    }
    promise(same, "segments of all sizes hold what was written");
    fd = device();
    promise(!create(fd, 3 << 20, 0) && holds(fd, zero, 3 << 20),
            "what was never written reads as zero");
    {
        uint8_t *p = mmap(NULL, 3 << 20, PROT_READ, MAP_SHARED, fd, 0);

        promise(p != MAP_FAILED && !memcmp(p, zero, 3 << 20),
                "and is mapped as zero");
        munmap(p, 3 << 20);
    }
    close(fd);
    test_arguments();
    test_mapping(data, 200000);
    test_snapshot(data, 200000);
    return failures ? 1 : 0;
}

/* The peer reads nothing until we have closed everything. */
static int cmd_queued(const char *host, const char *port)
{
    size_t bytes = 300000;
    uint8_t *data = malloc(bytes);
    int sock = dial(host, port), fd, size = 1 << 20;
    char c;

    setsockopt(sock, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    fcntl(sock, F_SETFL, O_NONBLOCK);
    fill(data, bytes, 9);
    fd = segment(data, bytes);
    bytes = 0;
    for ( ; ; )
    {
        ssize_t n = sendfile(sock, fd, NULL, 65536);

        if ( n <= 0 )
            break;
        bytes += n;
    }
    ioctl(fd, HICAMP_IOC_FREE);
    close(fd);
    fcntl(sock, F_SETFL, 0);
    shutdown(sock, SHUT_WR);
    while ( read(sock, &c, 1) > 0 )
        ;
    keep("/tmp/sent", data, bytes);
    return 0;
}

static int cmd_hold(size_t bytes, const char *fifo)
{
    uint8_t *data = malloc(bytes), *p;
    struct hicamp_ioc_info info;
    int fd, f, sig;
    char c;

    fill(data, bytes, 3);
    fd = segment(data, bytes);
    p = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
    if ( p == MAP_FAILED || memcmp(p, data, bytes) )
        die("mmap");
    printf("held\n");
    fflush(stdout);
    f = open(fifo, O_RDONLY);
    if ( f < 0 || read(f, &c, 1) < 0 )
        die(fifo);

    sig = touch(p, false);
    if ( ioctl(fd, HICAMP_IOC_INFO, &info) )
    {
        promise(errno == ESTALE, "an old segment is stale");
        promise(sig == SIGBUS, "its mapping faults cleanly");
        promise(pread(fd, &c, 1, 0) < 0 && errno == ESTALE &&
                snapshot(fd, 0) < 0 && errno == ESTALE,
                "operations on it fail");
        promise(!ioctl(fd, HICAMP_IOC_FREE) && !create(fd, bytes, 0) &&
                pwrite(fd, data, bytes < 4096 ? bytes : 4096, 0) > 0,
                "its file can become a new segment");
    }
    else
        promise(!sig && !memcmp(p, data, bytes), "the segment is still there");
    munmap(p, bytes);
    close(fd);
    return failures ? 1 : 0;
}

static int cmd_many(unsigned int nr)
{
    uint8_t data[PAGE], got[PAGE];
    struct rlimit files = { nr + 64, nr + 64 };
    unsigned int i, made = 0;
    int *fds = calloc(nr, sizeof(*fds));
    bool same = true;

    if ( setrlimit(RLIMIT_NOFILE, &files) )
        die("setrlimit");

    for ( i = 0; i < nr; i++ )
    {
        fds[i] = open("/dev/hicamp", O_RDWR);
        if ( fds[i] < 0 || create(fds[i], PAGE, 0) )
            break;
        fill(data, PAGE, i);
        put(fds[i], data, PAGE);
        made++;
    }
    promise(made == nr, "many segments exist at a time");
    for ( i = 0; i < made; i++ )
    {
        fill(data, PAGE, i);
        same = same && pread(fds[i], got, PAGE, 0) == PAGE &&
               !memcmp(got, data, PAGE);
    }
    promise(same, "each holds its own bytes");
    return failures ? 1 : 0;
}

static int cmd_exhaust(const char *fifo)
{
    static uint8_t data[16 * PAGE];
    struct pollfd end = { .events = POLLIN };
    unsigned long refused = 0;
    bool room = true;
    int fd = device();

    end.fd = open(fifo, O_RDWR);
    if ( end.fd < 0 || create(fd, UINT64_C(1) << 30, 0) )
        die("exhaust");

    fill(data, sizeof(data), 1);
    while ( !poll(&end, 1, 0) )
        if ( write(fd, data, room ? sizeof(data) : PAGE) < 0 )
        {
            if ( errno != ENOBUFS )
                die("write");
            room = false;
            refused++;
        }
    printf("refused %lu\n", refused);
    return 0;
}

int main(int argc, char **argv)
{
    const char *cmd = argc > 1 ? argv[1] : "";

    signal(SIGPIPE, SIG_IGN);
    if ( !strcmp(cmd, "sink") && argc == 4 )
        sink(argv[2], argv[3]);
    if ( !strcmp(cmd, "send") && argc >= 6 )
        return cmd_send(argv[2], argv[3], argv[4], strtoull(argv[5], NULL, 0),
                        argc > 6 ? strtoull(argv[6], NULL, 0) : 7);
    if ( !strcmp(cmd, "local") )
        return cmd_local();
    if ( !strcmp(cmd, "queued") && argc == 4 )
        return cmd_queued(argv[2], argv[3]);
    if ( !strcmp(cmd, "hold") && argc == 4 )
        return cmd_hold(strtoull(argv[2], NULL, 0), argv[3]);
    if ( !strcmp(cmd, "many") && argc == 3 )
        return cmd_many(atoi(argv[2]));
    if ( !strcmp(cmd, "exhaust") && argc == 3 )
        return cmd_exhaust(argv[2]);
    fprintf(stderr, "usage: segtest sink|send|local|queued|hold|many|exhaust"
                    " ...\n");
    return 2;
}
