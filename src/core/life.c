/* SPDX-License-Identifier: MIT */
/* Nothing happens when the library is loaded. The first nn_socket starts the loops and registers
 * two handlers: one for exit, which closes what is open and waits for what lingers (at most the
 * sockets' NN_LINGER), and one for fork, after which the child starts anew with an empty library:
 * it closes our descriptors and forgets all memory, whose locks may be held by threads it does not
 * have.
 *
 * Failure modes: a start that fails leaves nothing and can be tried again. nn_term waits for
 * lingering sockets with a bound; after it nn_socket fails with ETERM until nn_init. */
#include "life.h"
#include "../base/clock.h"
#include "../base/fds.h"
#include "../base/log.h"
#include "../base/secret.h"
#include "loop.h"
#include "msg.h"
#include "sock.h"
#include "table.h"
#include "work.h"
#include <errno.h>
#include <nanomsg/nn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

static pthread_mutex_t life = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t none_left = PTHREAD_COND_INITIALIZER;
static bool started, terminated, registered;
static int n_sockets;

void sp_life_lock(void)
{
    pthread_mutex_lock(&life);
}
void sp_life_unlock(void)
{
    pthread_mutex_unlock(&life);
}
bool sp_life_ended(void)
{
    return terminated;
}

int sp_life_socket_made(void)
{
    if (terminated || !started)
        return -ETERM;
    n_sockets++;
    return 0;
}

void sp_life_socket_gone(void)
{
    sp_life_lock();
    if (--n_sockets == 0)
        pthread_cond_broadcast(&none_left);
    sp_life_unlock();
}

static void life_child(void)
{
    life = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    none_left = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    started = terminated = false;
    n_sockets = 0;
    sp_fd_child();
    sp_table_child();
    sp_loops_child();
    sp_work_child();
    sp_secret_child();
    sp_log_child();
    for (size_t i = 0; sp_child_hooks[i]; i++)
        sp_child_hooks[i]();
}

/* Waits until all sockets are gone; they bound their lingering themselves, by timers that the loop
 * runs. The lock is held. */
static void wait_for_none(void)
{
    while (n_sockets > 0)
        pthread_cond_wait(&none_left, &life);
}

static void life_exit(void)
{
    if (started && !terminated)
        sp_life_term();
}

static int life_register(void)
{
    if (registered)
        return 0;
    if (pthread_atfork(NULL, NULL, life_child) || atexit(life_exit))
        return -ENOMEM;
    registered = true;
    return 0;
}

int sp_life_start(void)
{
    sp_life_lock();
    int rc = terminated ? -ETERM : 0;
    if (rc == 0 && !started) {
        rc = life_register();
        if (rc == 0)
            rc = sp_loops_start();
        started = rc == 0;
    }
    sp_life_unlock();
    return rc;
}

void sp_life_term(void)
{
    if (sp_sock_calling) {
        sp_log("nn_term inside a callback does nothing: it would wait for itself");
        return;
    }
    sp_life_lock();
    bool was = started;
    terminated = true;
    sp_life_unlock();
    if (!was)
        return;
    sp_table_close_all();
    sp_life_lock();
    wait_for_none();
    if (started && terminated) { /* not another nn_term before us, nor nn_init */
        sp_loops_stop();
        started = false;
    }
    sp_life_unlock();
    sp_slab_flush();
    for (size_t i = 0; sp_term_hooks[i]; i++)
        sp_term_hooks[i]();
}

void sp_life_init(void)
{
    sp_life_lock();
    terminated = false;
    sp_life_unlock();
}
