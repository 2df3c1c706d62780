// SPDX-License-Identifier: GPL-2.0-only
/*
 * A plugin of QEMU's that counts the instructions which its CPUs execute:
 *
 *	-plugin PATH-OF-THIS,count=PATH[,blocks=PATH]
 *
 * The first file gets the number, 8 bytes in the host's order, and is mapped: it
 * can be read at any time.  The number grows by the length of a block of
 * instructions when the block is entered, so what an exception in its middle
 * leaves out counts, too.  Only with thread=single no two CPUs add at a time.
 *
 * The second one, mapped as well, says which instructions they were, but only of
 * what is executed between two no-ops that the guest's own code has for that:
 * see struct blocks here, and bench_counted_*_here() in kmod-bench.
 */

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "qemu-plugin.h"

int qemu_plugin_version = 1;

static __u64 *count;

/* More than are translated: a block can be several times, each time a new one. */
#define MAX_BLOCKS	0x400000

/*
 * The file.  The first block stands for all for which there was no room.
 * @used: how many blocks there are
 * @times: how often the second no-op was reached
 */
static struct blocks {
	__u64 used;
	__u64 times;
	struct block {
		__u64 address;	/* of the first instruction, for the guest */
		__u64 executed;	/* instructions, between the no-ops */
	} block[MAX_BLOCKS];
} *blocks;

/* Of each block, all that were executed; and how many those were at the begin. */
static __u64 total[MAX_BLOCKS], before[MAX_BLOCKS];
static bool begun;

/* Multi-byte no-ops of eight bytes that no compiler makes. */
static const unsigned char begin_mark[] = {
	0x0f, 0x1f, 0x84, 0x00, 'b', 'e', 'g', 'n'
};

static const unsigned char end_mark[] = {
	0x0f, 0x1f, 0x84, 0x00, 'e', 'n', 'd', 's'
};

static void begin(unsigned int cpu, void *data)
{
	(void)cpu;
	(void)data;
	memcpy(before, total, blocks->used * sizeof(*total));
	begun = true;
}

static void end(unsigned int cpu, void *data)
{
	__u64 i;

	(void)cpu;
	(void)data;
	if (!begun)
		return;
	/* Blocks that are new since the begin have executed nothing before it. */
	for (i = 0; i < blocks->used; i++)
		blocks->block[i].executed += total[i] - before[i];
	blocks->times++;
	begun = false;
}

/* Have a block counted by itself, and its no-ops noticed. */
static void translated_apart(struct qemu_plugin_tb *tb)
{
	size_t i, n = qemu_plugin_tb_n_insns(tb);
	__u64 nr = blocks->used < MAX_BLOCKS ? blocks->used++ : 0;

	if (nr)
		blocks->block[nr].address = qemu_plugin_tb_vaddr(tb);
	qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64,
						 &total[nr], n);
	for (i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		const void *bytes = qemu_plugin_insn_data(insn);

		if (qemu_plugin_insn_size(insn) != sizeof(begin_mark))
			continue;
		if (!memcmp(bytes, begin_mark, sizeof(begin_mark)))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, begin,
							       QEMU_PLUGIN_CB_NO_REGS,
							       NULL);
		else if (!memcmp(bytes, end_mark, sizeof(end_mark)))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, end,
							       QEMU_PLUGIN_CB_NO_REGS,
							       NULL);
	}
}

static void translated(__u64 id, struct qemu_plugin_tb *tb)
{
	(void)id;
	qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64,
						 count,
						 qemu_plugin_tb_n_insns(tb));
	if (blocks)
		translated_apart(tb);
}

/* What is written there is in the file; NULL if that cannot be. */
static void *map_file(const char *path, size_t size)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	void *mapped = MAP_FAILED;

	if (fd >= 0 && !ftruncate(fd, size))
		mapped = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
			      fd, 0);
	if (mapped == MAP_FAILED)
		perror(path);
	if (fd >= 0)
		close(fd);
	return mapped == MAP_FAILED ? NULL : mapped;
}

int qemu_plugin_install(__u64 id, const struct qemu_info_t *info, int argc,
			char **argv)
{
	(void)info;
	if (argc < 1 || argc > 2 || strncmp(argv[0], "count=", 6) ||
	    (argc == 2 && strncmp(argv[1], "blocks=", 7))) {
		fprintf(stderr, "its arguments are count=PATH [blocks=PATH]\n");
		return -1;
	}
	count = map_file(argv[0] + 6, sizeof(*count));
	if (!count)
		return -1;
	if (argc == 2) {
		blocks = map_file(argv[1] + 7, sizeof(*blocks));
		if (!blocks)
			return -1;
		blocks->used = 1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
