// SPDX-License-Identifier: GPL-2.0-only
/*
 * Send a file by UDP at a steady rate, or receive one: numbered datagrams, put
 * together in order; what is lost, doubled or out of order is told.  Or send as
 * fast as it goes to a group or a broadcast address, by eth0, and count what
 * arrives of it.
 *
 *   udpxfer send FILE HOST PORT BYTES_PER_SECOND DATAGRAM
 *   udpxfer recv FILE PORT SECONDS
 *   udpxfer flood HOST PORT DATAGRAM SECONDS    prints "sent BYTES"
 *   udpxfer count PORT SECONDS [GROUP]          prints "got BYTES"
 *
 * recv prints "received N lost N doubled N late N"; it fails when a datagram is
 * missing or came twice, or when nothing came for SECONDS.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Before the data; number == total says that this was all. */
struct head {
	uint32_t number, total, bytes;
};

#define DATAGRAM_MAX 65507
#define NUMBERS (1u << 20)

static union {
	struct head head;
	char bytes[DATAGRAM_MAX];
} buf;

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static int udp_socket(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0), size = 8 << 20;

	if (fd < 0)
		err(2, "socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	return fd;
}

static int do_send(const char *file, const char *host, int port, double rate,
		   size_t datagram)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(port) };
	size_t room = datagram - sizeof(struct head);
	uint32_t total, i, tries;
	double begin, ahead;
	struct stat st;
	int fd, in;

	if (datagram <= sizeof(struct head) || datagram > DATAGRAM_MAX)
		errx(2, "datagrams have 13 to %d bytes", DATAGRAM_MAX);
	in = open(file, O_RDONLY);
	if (in < 0 || fstat(in, &st))
		err(2, "%s", file);
	if (inet_pton(AF_INET, host, &to.sin_addr) != 1)
		errx(2, "%s is no address", host);
	fd = udp_socket();
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)))
		err(2, "connect");
	total = (st.st_size + room - 1) / room;

	begin = now();
	for (i = 0; i < total; i++) {
		ssize_t n = read(in, buf.bytes + sizeof(buf.head), room);

		if (n <= 0)
			err(2, "%s: read", file);
		buf.head = (struct head){ i, total, room };
		if (send(fd, &buf, sizeof(buf.head) + n, 0) < 0)
			err(2, "send");
		ahead = begin + i * datagram / rate - now();
		if (ahead > 0.001)
			usleep(ahead * 1e6);
	}
	/* Several, for it may be the receiver's buffer that is full. */
	for (tries = 0; tries < 5; tries++) {
		buf.head = (struct head){ total, total, room };
		send(fd, &buf, sizeof(buf.head), 0);
		usleep(100000);
	}
	printf("sent %u in %.2f s\n", total, now() - begin);
	return 0;
}

static int do_recv(const char *file, int port, int seconds)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons(port) };
	uint32_t received = 0, doubled = 0, late = 0, next = 0, total = 0;
	static uint8_t seen[NUMBERS];
	int fd = udp_socket();
	int out = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (out < 0)
		err(2, "%s", file);
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)))
		err(2, "bind");

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n;

		if (poll(&p, 1, seconds * 1000) <= 0)
			break;
		n = recv(fd, &buf, sizeof(buf), 0);
		if (n < (ssize_t)sizeof(buf.head) || buf.head.number >= NUMBERS)
			continue;
		total = buf.head.total;
		if (buf.head.number == total)
			break;
		n -= sizeof(buf.head);
		if (pwrite(out, buf.bytes + sizeof(buf.head), n,
			   (off_t)buf.head.number * buf.head.bytes) != n)
			err(2, "%s: write", file);
		if (seen[buf.head.number]++)
			doubled++;
		else
			received++;
		if (buf.head.number < next)
			late++;
		else
			next = buf.head.number + 1;
	}
	printf("received %u lost %u doubled %u late %u\n", received,
	       total - received, doubled, late);
	return !total || received != total || doubled;
}

static int do_flood(const char *host, int port, size_t datagram, double seconds)
{
	struct ip_mreqn by = { .imr_ifindex = if_nametoindex("eth0") };
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), one = 1;
	unsigned long long bytes = 0;
	double end = now() + seconds;

	if (datagram > DATAGRAM_MAX || inet_pton(AF_INET, host, &to.sin_addr) != 1)
		errx(2, "%s is no address, or datagrams too long", host);
	setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &one, sizeof(one));
	setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &by, sizeof(by));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)))
		err(2, "connect");
	while (now() < end) {
		if (send(fd, &buf, datagram, 0) < 0)
			err(2, "send");
		bytes += datagram;
	}
	printf("sent %llu\n", bytes);
	return 0;
}

static int do_count(int port, double seconds, const char *group)
{
	struct ip_mreqn in = { .imr_ifindex = if_nametoindex("eth0") };
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons(port) };
	struct timeval wait = { .tv_usec = 100000 };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	unsigned long long bytes = 0;
	double end = now() + seconds;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)))
		err(2, "bind");
	if (group && (inet_pton(AF_INET, group, &in.imr_multiaddr) != 1 ||
		      setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &in,
				 sizeof(in))))
		err(2, "%s", group);
	while (now() < end) {
		ssize_t n = recv(fd, &buf, sizeof(buf), 0);

		bytes += n > 0 ? n : 0;
	}
	printf("got %llu\n", bytes);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 7 && !strcmp(argv[1], "send"))
		return do_send(argv[2], argv[3], atoi(argv[4]), atof(argv[5]),
			       atoi(argv[6]));
	if (argc == 5 && !strcmp(argv[1], "recv"))
		return do_recv(argv[2], atoi(argv[3]), atoi(argv[4]));
	if (argc == 6 && !strcmp(argv[1], "flood"))
		return do_flood(argv[2], atoi(argv[3]), atoi(argv[4]),
				atof(argv[5]));
	if ((argc == 4 || argc == 5) && !strcmp(argv[1], "count"))
		return do_count(atoi(argv[2]), atof(argv[3]), argv[4]);
	errx(2, "usage: see the source");
}
