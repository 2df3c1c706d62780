// SPDX-License-Identifier: GPL-2.0-only
/*
 * Data to write, send and compare: every word is made of the seed and of where
 * it is, so that what is in the wrong place is wrong.  Dom0 and the host make
 * the same.
 *
 *   pattern write  FILE OFFSET LENGTH SEED   of disks past the page cache
 *   pattern verify FILE OFFSET LENGTH SEED   the same
 *   pattern make   LENGTH SEED               to standard output
 *   pattern check  LENGTH SEED               standard input, to its end
 *
 * Numbers are of bytes; offsets and lengths of files are multiples of 4096.
 * The exit status is 0; 1 where data differs, and standard error says where; 2
 * for anything else.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK		0x100000UL
#define ALIGNMENT	4096

static uint64_t seed;
static uint64_t *wanted, *found;

/* splitmix64's output for its state number @index. */
static uint64_t word_at(uint64_t index)
{
	uint64_t z = seed + (index + 1) * 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static void make_block(uint64_t offset)
{
	for (uint64_t i = 0; i < BLOCK / 8; i++)
		wanted[i] = word_at(offset / 8 + i);
}

static void fail(const char *what)
{
	fprintf(stderr, "pattern: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void tell_where(uint64_t offset, size_t length)
{
	const unsigned char *a = (unsigned char *)wanted;
	const unsigned char *b = (unsigned char *)found;
	size_t first = 0, count = 0;

	for (size_t i = length; i-- > 0; ) {
		if (a[i] != b[i]) {
			first = i;
			count++;
		}
	}
	fprintf(stderr,
		"%zu bytes differ, the first at %llu: %#x instead of %#x\n",
		count, (unsigned long long)(offset + first), b[first],
		a[first]);
	exit(1);
}

/* The number of bytes that could be read; less than wanted at the end only. */
static size_t read_all(int fd, size_t length)
{
	size_t done = 0;

	while (done < length) {
		ssize_t n = read(fd, (char *)found + done, length - done);

		if (n < 0)
			fail("read");
		if (n == 0)
			break;
		done += n;
	}
	return done;
}

static void write_all(int fd, size_t length)
{
	for (size_t done = 0; done < length; ) {
		ssize_t n = write(fd, (char *)wanted + done, length - done);

		if (n <= 0)
			fail("write");
		done += n;
	}
}

static void compare(int fd, uint64_t offset, uint64_t length)
{
	for (uint64_t at = offset, end = offset + length; at < end; at += BLOCK) {
		size_t size = end - at < BLOCK ? end - at : BLOCK;

		make_block(at);
		if (read_all(fd, size) != size) {
			fprintf(stderr, "the data ends before %llu bytes\n",
				(unsigned long long)length);
			exit(1);
		}
		if (memcmp(wanted, found, size))
			tell_where(at, size);
	}
}

static void output(int fd, uint64_t offset, uint64_t length)
{
	for (uint64_t at = offset, end = offset + length; at < end; at += BLOCK) {
		make_block(at);
		write_all(fd, end - at < BLOCK ? end - at : BLOCK);
	}
}

/* A disk is asked itself, not the page cache; a file of the host's need not. */
static int open_direct(const char *path, int flags)
{
	int fd = open(path, flags);
	struct stat status;

	if (fd < 0 || fstat(fd, &status))
		fail(path);
	if (S_ISBLK(status.st_mode) && fcntl(fd, F_SETFL, O_DIRECT))
		fail(path);
	return fd;
}

static uint64_t parse(const char *text)
{
	char *end;
	uint64_t value;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno || end == text || *end) {
		fprintf(stderr, "pattern: '%s' is no number\n", text);
		exit(2);
	}
	return value;
}

static void on_file(char **argv, bool writing)
{
	uint64_t offset = parse(argv[1]), length = parse(argv[2]);
	int fd = open_direct(argv[0], writing ? O_WRONLY : O_RDONLY);

	if (offset % ALIGNMENT || length % ALIGNMENT) {
		fprintf(stderr, "pattern: not in blocks of %d bytes\n",
			ALIGNMENT);
		exit(2);
	}
	seed = parse(argv[3]);
	if (lseek(fd, offset, SEEK_SET) < 0)
		fail("lseek");
	if (!writing) {
		compare(fd, offset, length);
		return;
	}
	output(fd, offset, length);
	if (fsync(fd))
		fail("fsync");
}

static void on_stream(char **argv, bool writing)
{
	uint64_t length = parse(argv[0]);

	seed = parse(argv[1]);
	if (writing) {
		output(STDOUT_FILENO, 0, length);
		return;
	}
	compare(STDIN_FILENO, 0, length);
	if (read_all(STDIN_FILENO, 1)) {
		fprintf(stderr, "more than %llu bytes came\n",
			(unsigned long long)length);
		exit(1);
	}
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	if (posix_memalign((void **)&wanted, ALIGNMENT, BLOCK) ||
	    posix_memalign((void **)&found, ALIGNMENT, BLOCK))
		fail("memory");

	if (argc == 6 && (!strcmp(verb, "write") || !strcmp(verb, "verify"))) {
		on_file(argv + 2, !strcmp(verb, "write"));
	} else if (argc == 4 && (!strcmp(verb, "make") ||
				 !strcmp(verb, "check"))) {
		on_stream(argv + 2, !strcmp(verb, "make"));
	} else {
		fprintf(stderr,
			"usage: pattern write|verify FILE OFFSET LENGTH SEED\n"
			"       pattern make|check LENGTH SEED\n");
		return 2;
	}
	return 0;
}
