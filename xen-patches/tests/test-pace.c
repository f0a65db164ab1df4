/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * test-pace.c
 *
 * When a guest is told of packets: who sleeps at once, who runs once in a
 * while.
 */

#include "guests.h"

#define PERIOD_US       100

static struct guest *a, *b;

void test_setup(void)
{
    guests_boot("16M");
}

/* b's vCPU runs, b wants events, and was told of a packet just now. */
static void pair(unsigned int packets)
{
    a = guest_new();
    b = guest_new();
    flow(a, 1, &b, 1);
    CHECK_EQ(host_param(HICAMP_PARAM_RX_EVENT_US, PERIOD_US), 0);
    CHECK_EQ(host_param(HICAMP_PARAM_RX_EVENT_PACKETS, packets), 0);
    write_atomic(&b->ctrl->rx_event, 1);
    b->d->emul_vcpu.is_running = true;
    emul_advance(MICROSECS(PERIOD_US));
    guest_send(a, 1, 100, 100, 0);
    CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
    CHECK(guest_get(b));
    CHECK_EQ(emul_events(b->d, b->evtchn), 1);
}

/* b is told so often of a doorbell with n packets. */
static unsigned int events_of(unsigned int n)
{
    unsigned int i;

    for ( i = 0; i < n; i++ )
        guest_send(a, 1, 100, 100, 0);
    CHECK_EQ(guest_doorbell(a, HICAMP_DOORBELL_TX), 0);
    for ( i = 0; i < n; i++ )
        CHECK(guest_get(b)); /* told or not, they are there */
    guest_fill(b);

    return emul_events(b->d, b->evtchn);
}

TEST(who_runs_is_told_once_in_a_period)
{
    pair(64);
    CHECK_EQ(events_of(1), 0);
    CHECK_EQ(events_of(2), 0);
    CHECK_EQ(COUNT(b, events_held), 2);
    emul_advance(MICROSECS(PERIOD_US - 1));
    CHECK_EQ(emul_events(b->d, b->evtchn), 0);
    emul_advance(MICROSECS(1));
    CHECK_EQ(emul_events(b->d, b->evtchn), 1);

    /* The period begins anew; then nothing was held, so nothing comes. */
    CHECK_EQ(events_of(1), 0);
    emul_advance(MICROSECS(PERIOD_US));
    CHECK_EQ(emul_events(b->d, b->evtchn), 1);
    emul_advance(MICROSECS(10 * PERIOD_US));
    CHECK_EQ(emul_events(b->d, b->evtchn), 0);
    CHECK_EQ(events_of(1), 1);
    CHECK_EQ(COUNT(b, events), 4);
    guests_end();
}

TEST(many_packets_are_told_at_once)
{
    pair(8);
    CHECK_EQ(events_of(7), 0);
    CHECK_EQ(events_of(1), 1);
    CHECK_EQ(events_of(8), 1);
    CHECK_EQ(events_of(3), 0);

    /* The clock that the first ones had set has been overtaken. */
    emul_advance(MICROSECS(PERIOD_US));
    CHECK_EQ(emul_events(b->d, b->evtchn), 1);
    emul_advance(MICROSECS(10 * PERIOD_US));
    CHECK_EQ(emul_events(b->d, b->evtchn), 0);
    guests_end();
}

TEST(who_does_not_run_is_told_at_once)
{
    pair(64);
    b->d->emul_vcpu.is_running = false;
    CHECK_EQ(events_of(1), 1);
    CHECK_EQ(events_of(1), 1);
    CHECK_EQ(COUNT(b, events_held), 0);
    guests_end();
}

TEST(who_polls_by_then_is_left_alone)
{
    pair(64);
    CHECK_EQ(events_of(1), 0);
    write_atomic(&b->ctrl->rx_event, 0);
    emul_advance(MICROSECS(PERIOD_US));
    CHECK_EQ(emul_events(b->d, b->evtchn), 0);
    write_atomic(&b->ctrl->rx_event, 1);
    CHECK_EQ(events_of(1), 1);
    guests_end();
}

TEST(a_queue_goes_while_an_event_is_held)
{
    pair(64);
    CHECK_EQ(events_of(1), 0);
    CHECK_EQ(guest_detach(b), 0);
    emul_advance(MICROSECS(PERIOD_US));
    CHECK_EQ(emul_timers_set(), 0);
    CHECK_EQ(guest_attach(b), 0);
    guest_kill(b);
    emul_advance(MICROSECS(PERIOD_US));
    guests_end();
}

TEST(the_period_can_be_lifted)
{
    pair(64);
    CHECK_EQ(events_of(1), 0);
    CHECK_EQ(host_param(HICAMP_PARAM_RX_EVENT_US, 0), 0);
    CHECK_EQ(events_of(1), 1);
    CHECK_EQ(events_of(1), 1);
    emul_advance(MICROSECS(PERIOD_US));
    CHECK_EQ(emul_events(b->d, b->evtchn), 0);
    guests_end();
}

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * tab-width: 4
 * indent-tabs-mode: nil
 * End:
 */
