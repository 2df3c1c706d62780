// SPDX-License-Identifier: GPL-2.0-only
/* What pviommu-balloon.ko has for us: see there. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hostile.h"
#include "lib/frames.h"

#define BALLOON	"/sys/kernel/debug/pviommu-balloon"

static bool get(unsigned long *gfn, unsigned long *run, unsigned int *nr)
{
	FILE *f = fopen(BALLOON, "r");
	bool good = false;

	if (f) {
		good = fscanf(f, "gfn %lx out %*u run %lx %u", gfn, run, nr) == 3;
		fclose(f);
	}
	return good;
}

unsigned long balloon_gfn(void)
{
	unsigned long gfn, run;
	unsigned int nr;

	return get(&gfn, &run, &nr) ? gfn : FRAME_NONE;
}

unsigned int balloon_run(unsigned long *gfn)
{
	unsigned long page;
	unsigned int nr;

	return get(&page, gfn, &nr) ? nr : 0;
}

int balloon(const char *what)
{
	int fd = open(BALLOON, O_WRONLY), ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, what, strlen(what)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}
