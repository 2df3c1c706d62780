// SPDX-License-Identifier: GPL-2.0-only
/*
 * nvme-vf: NVMe's Virtualization Management command, with which a physical
 * function gives queues and interrupts to its virtual ones.
 *
 * Needed because no file in sysfs does that, and nvme-cli is large.
 */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include <linux/nvme_ioctl.h>

#define VIRTUALIZATION_MANAGEMENT	0x1c

int main(int argc, char **argv)
{
	struct nvme_admin_cmd cmd = { .opcode = VIRTUALIZATION_MANAGEMENT };
	int device, status;

	if (argc != 6) {
		fputs("usage: nvme-vf /dev/nvmeN CONTROLLER RESOURCE ACTION NUMBER\n"
		      "RESOURCE: 0 queues, 1 interrupts\n"
		      "ACTION: 1 give to the primary controller after its reset,\n"
		      "        7 take CONTROLLER off line, 8 give to it, 9 on line\n",
		      stderr);
		return 2;
	}
	device = open(argv[1], O_RDWR);
	if (device < 0) {
		perror(argv[1]);
		return 1;
	}
	cmd.cdw10 = atoi(argv[2]) << 16 | atoi(argv[3]) << 8 | atoi(argv[4]);
	cmd.cdw11 = atoi(argv[5]);
	status = ioctl(device, NVME_IOCTL_ADMIN_CMD, &cmd);
	if (status < 0)
		perror("nvme-vf");
	else if (status)
		fprintf(stderr, "nvme-vf: NVMe status %#x\n", status);
	return status ? 1 : 0;
}
