/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * objserve: serves one stored object with sendfile(2), HTTP/1.1 with
 * keep-alive, and fetches it.
 *
 *   objserve serve PORT file|segment BYTES    the object lies in a file (its
 *                                             page cache) or in a segment
 *   objserve fetch HOST PORT COUNT [SECONDS]  get it COUNT times over one
 *                                             connection, or until so long is
 *                                             over; print the bytes
 *
 * One child per connection.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "hicamp_segment.h"

static void die(const char *what)
{
    perror(what);
    exit(2);
}

/* The object, of bytes that are not all the same. */
static int object(const char *kind, size_t bytes)
{
    static unsigned char buf[1 << 16];
    struct hicamp_ioc_create c = { .bytes = bytes };
    size_t at, i, n;
    int fd;

    if ( !strcmp(kind, "segment") )
    {
        fd = open("/dev/hicamp", O_RDWR);
        if ( fd < 0 || ioctl(fd, HICAMP_IOC_CREATE, &c) )
            die("/dev/hicamp");
    }
    else
        fd = open("/tmp/object", O_RDWR | O_CREAT | O_TRUNC, 0600);
    for ( at = 0; at < bytes; at += n )
    {
        n = bytes - at < sizeof(buf) ? bytes - at : sizeof(buf);
        for ( i = 0; i < n; i++ )
            buf[i] = (at + i) * 2654435761u >> 24;
        if ( write(fd, buf, n) != (ssize_t)n )
            die("write");
    }
    return fd;
}

static void answer(int sock, int fd, size_t bytes)
{
    char request[4096], head[128];
    size_t have = 0;
    ssize_t n;

    while ( (n = read(sock, request + have, sizeof(request) - 1 - have)) > 0 )
    {
        char *end;

        have += n;
        request[have] = 0;
        while ( (end = strstr(request, "\r\n\r\n")) )
        {
            off_t off = 0;

            n = snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\n"
                         "Content-Length: %zu\r\n\r\n", bytes);
            if ( send(sock, head, n, MSG_MORE) != n )
                return;
            while ( (size_t)off < bytes )
                if ( sendfile(sock, fd, &off, bytes - off) <= 0 )
                    return;
            have -= end + 4 - request;
            memmove(request, end + 4, have + 1);
        }
    }
}

static int serve(int port, const char *kind, size_t bytes)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };
    int fd = object(kind, bytes), one = 1;
    int s = socket(AF_INET, SOCK_STREAM, 0);

    signal(SIGCHLD, SIG_IGN);
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if ( bind(s, (void *)&at, sizeof(at)) || listen(s, 8) )
        die("listen");
    for ( ; ; )
    {
        int c = accept(s, NULL, NULL);

        if ( c >= 0 && !fork() )
        {
            answer(c, fd, bytes);
            exit(0);
        }
        close(c);
    }
}

static double now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* What arrives after seconds (0: no limit) is not counted. */
static int fetch(const char *host, int port, unsigned int count, double seconds)
{
    static const char get[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
    static char buf[1 << 17];
    unsigned long long total = 0;
    double end_at = seconds ? now() + seconds : 0;
    int s = socket(AF_INET, SOCK_STREAM, 0);

    if ( !inet_aton(host, &to.sin_addr) ||
         connect(s, (void *)&to, sizeof(to)) )
        die("connect");
    while ( count-- && (!end_at || now() < end_at) )
    {
        size_t have = 0, length, got;
        char *end, *field;
        ssize_t n;

        if ( write(s, get, sizeof(get) - 1) < 0 )
            die("write");
        do {
            n = read(s, buf + have, sizeof(buf) - 1 - have);
            if ( n <= 0 )
                die("head");
            have += n;
            buf[have] = 0;
        } while ( !(end = strstr(buf, "\r\n\r\n")) );
        field = strstr(buf, "Content-Length: ");
        length = strtoull(field + 16, NULL, 10);
        for ( got = have - (end + 4 - buf); got < length; got += n )
        {
            if ( end_at && now() >= end_at )
                break;
            if ( (n = read(s, buf, sizeof(buf))) <= 0 )
                die("body");
        }
        total += got;
    }
    printf("%llu\n", total);
    return 0;
}

int main(int argc, char **argv)
{
    if ( argc == 5 && !strcmp(argv[1], "serve") )
        return serve(atoi(argv[2]), argv[3], strtoull(argv[4], NULL, 0));
    if ( (argc == 5 || argc == 6) && !strcmp(argv[1], "fetch") )
        return fetch(argv[2], atoi(argv[3]), atoi(argv[4]),
                     argc == 6 ? atof(argv[5]) : 0);
    fprintf(stderr, "usage: objserve serve|fetch ...\n");
    return 2;
}
