// SPDX-License-Identifier: GPL-2.0-only
/*
 * A plugin of QEMU's that counts the instructions which its CPUs execute:
 *
 *	-plugin PATH-OF-THIS,count=PATH
 *
 * The file gets the number, 8 bytes in the host's order, and is mapped: it can
 * be read at any time.  The number grows by the length of a block of
 * instructions when the block is entered, so what an exception in its middle
 * leaves out counts, too.  Only with thread=single no two CPUs add at a time.
 */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "qemu-plugin.h"

int qemu_plugin_version = 1;

static __u64 *count;

static void translated(__u64 id, struct qemu_plugin_tb *tb)
{
	(void)id;
	qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64,
						 count,
						 qemu_plugin_tb_n_insns(tb));
}

static int map_count(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	void *mapped = MAP_FAILED;

	if (fd >= 0 && !ftruncate(fd, sizeof(*count)))
		mapped = mmap(NULL, sizeof(*count), PROT_READ | PROT_WRITE,
			      MAP_SHARED, fd, 0);
	if (mapped == MAP_FAILED)
		perror(path);
	if (fd >= 0)
		close(fd);
	count = mapped;
	return mapped == MAP_FAILED ? -1 : 0;
}

int qemu_plugin_install(__u64 id, const struct qemu_info_t *info, int argc,
			char **argv)
{
	(void)info;
	if (argc != 1 || strncmp(argv[0], "count=", 6)) {
		fprintf(stderr, "its only argument has to be count=PATH\n");
		return -1;
	}
	if (map_count(argv[0] + 6))
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
