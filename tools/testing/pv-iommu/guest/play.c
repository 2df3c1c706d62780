// SPDX-License-Identifier: GPL-2.0-only
/*
 * play: a file as sound, 16 bits, stereo, 48 kHz.
 *
 * All of it is in the card's buffer before the card begins, so that a slow
 * machine leaves no gap, and the rest of the buffer is silence.
 */

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <sound/asound.h>

#define FRAME		4
#define BUFFER_FRAMES	16384
#define PERIOD_FRAMES	4096

static char data[BUFFER_FRAMES * FRAME];

static void set_mask(struct snd_pcm_hw_params *params, int which, int bit)
{
	struct snd_mask *mask =
		&params->masks[which - SNDRV_PCM_HW_PARAM_FIRST_MASK];

	memset(mask->bits, 0, sizeof(mask->bits));
	mask->bits[bit / 32] = 1U << bit % 32;
}

static void set_interval(struct snd_pcm_hw_params *params, int which,
			 unsigned int min, unsigned int max, int integer)
{
	struct snd_interval *interval =
		&params->intervals[which - SNDRV_PCM_HW_PARAM_FIRST_INTERVAL];

	interval->min = min;
	interval->max = max;
	interval->integer = integer;
}

static int setup(int card)
{
	struct snd_pcm_hw_params params = { .rmask = ~0U };
	int i;

	for (i = SNDRV_PCM_HW_PARAM_FIRST_MASK;
	     i <= SNDRV_PCM_HW_PARAM_LAST_MASK; i++)
		memset(&params.masks[i - SNDRV_PCM_HW_PARAM_FIRST_MASK], 0xff,
		       sizeof(struct snd_mask));
	for (i = SNDRV_PCM_HW_PARAM_FIRST_INTERVAL;
	     i <= SNDRV_PCM_HW_PARAM_LAST_INTERVAL; i++)
		set_interval(&params, i, 0, UINT_MAX, 0);

	set_mask(&params, SNDRV_PCM_HW_PARAM_ACCESS,
		 SNDRV_PCM_ACCESS_RW_INTERLEAVED);
	set_mask(&params, SNDRV_PCM_HW_PARAM_FORMAT, SNDRV_PCM_FORMAT_S16_LE);
	set_mask(&params, SNDRV_PCM_HW_PARAM_SUBFORMAT,
		 SNDRV_PCM_SUBFORMAT_STD);
	set_interval(&params, SNDRV_PCM_HW_PARAM_CHANNELS, 2, 2, 1);
	set_interval(&params, SNDRV_PCM_HW_PARAM_RATE, 48000, 48000, 1);
	set_interval(&params, SNDRV_PCM_HW_PARAM_PERIOD_SIZE, PERIOD_FRAMES,
		     PERIOD_FRAMES, 1);
	set_interval(&params, SNDRV_PCM_HW_PARAM_BUFFER_SIZE, BUFFER_FRAMES,
		     BUFFER_FRAMES, 1);

	if (ioctl(card, SNDRV_PCM_IOCTL_HW_PARAMS, &params)) {
		perror("play: parameters");
		return -1;
	}
	if (ioctl(card, SNDRV_PCM_IOCTL_PREPARE)) {
		perror("play: prepare");
		return -1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct snd_xferi xfer = { .buf = data, .frames = BUFFER_FRAMES };
	int card, file;

	if (argc != 3) {
		fputs("usage: play /dev/snd/pcmCxDxp FILE\n", stderr);
		return 2;
	}
	file = open(argv[2], O_RDONLY);
	if (file < 0 || read(file, data, sizeof(data)) <= 0) {
		perror(argv[2]);
		return 1;
	}
	card = open(argv[1], O_RDWR);
	if (card < 0) {
		perror(argv[1]);
		return 1;
	}
	if (setup(card))
		return 1;
	if (ioctl(card, SNDRV_PCM_IOCTL_WRITEI_FRAMES, &xfer) ||
	    xfer.result != BUFFER_FRAMES) {
		perror("play: write");
		return 1;
	}
	if (ioctl(card, SNDRV_PCM_IOCTL_DRAIN)) {
		perror("play: drain");
		return 1;
	}
	return 0;
}
