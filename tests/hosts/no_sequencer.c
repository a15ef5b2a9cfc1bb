/* An ALSA sequencer without ports or events, for a machine whose kernel has none.
 *
 *     cc -shared -fPIC -o no_sequencer.so no_sequencer.c      LD_PRELOAD=no_sequencer.so qtractor ...
 *
 * Qtractor does not start its engines without a sequencer, not even for a session that is audio only. These functions of
 * alsa-lib take a sequencer's handle; each does what it would with one that nobody is connected to. Source: alsa-lib's
 * documentation, "MIDI Sequencer".
 */
#include <poll.h>
#include <string.h>

typedef struct sequencer sequencer;

static int the_only_one;
static int ports;

#define NOT_THERE (-2)	/* ENOENT */
#define NOTHING_YET (-11) /* EAGAIN */

/* Only as "default": the raw device, "hw", is what is missing. */
int snd_seq_open(sequencer **handle, const char *name, int streams, int mode)
{
	(void)streams;
	(void)mode;
	if (strcmp(name, "default") != 0)
		return NOT_THERE;
	*handle = (sequencer *)&the_only_one;
	return 0;
}

int snd_seq_create_simple_port(sequencer *seq, const char *name, unsigned caps, unsigned type)
{
	(void)seq;
	(void)name;
	(void)caps;
	(void)type;
	return ports++;
}

int snd_seq_client_id(sequencer *seq)
{
	(void)seq;
	return 128;
}

#define ANSWER(name, answer) \
	int name(void) \
	{ \
		return answer; \
	}

ANSWER(snd_seq_close, 0)
ANSWER(snd_seq_set_client_name, 0)
ANSWER(snd_seq_alloc_queue, 0)
ANSWER(snd_seq_free_queue, 0)
ANSWER(snd_seq_control_queue, 0)
ANSWER(snd_seq_set_queue_tempo, 0)
ANSWER(snd_seq_get_queue_tempo, 0)
ANSWER(snd_seq_set_queue_timer, 0)
ANSWER(snd_seq_get_queue_status, 0)
ANSWER(snd_seq_set_port_info, 0)
ANSWER(snd_seq_get_port_info, 0)
ANSWER(snd_seq_get_any_port_info, NOT_THERE)
ANSWER(snd_seq_get_any_client_info, NOT_THERE)
ANSWER(snd_seq_delete_simple_port, 0)
ANSWER(snd_seq_subscribe_port, 0)
ANSWER(snd_seq_unsubscribe_port, 0)
ANSWER(snd_seq_query_next_client, NOT_THERE)
ANSWER(snd_seq_query_next_port, NOT_THERE)
ANSWER(snd_seq_query_port_subscribers, NOT_THERE)
ANSWER(snd_seq_poll_descriptors_count, 0)
ANSWER(snd_seq_poll_descriptors, 0)
ANSWER(snd_seq_event_input, NOTHING_YET)
ANSWER(snd_seq_event_input_pending, 0)
ANSWER(snd_seq_event_output, 0)
ANSWER(snd_seq_event_output_direct, 0)
ANSWER(snd_seq_drain_output, 0)
ANSWER(snd_seq_drop_output, 0)
ANSWER(snd_seq_drop_input, 0)
ANSWER(snd_seq_remove_events, 0)
ANSWER(snd_seq_free_event, 0)
