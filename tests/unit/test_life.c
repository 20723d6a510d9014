/* SPDX-License-Identifier: MIT */
#include "memconn.h"
#include "core/table.h"
#include <sys/wait.h>

static int setup(void **state)
{
    (void)state;
    memset(&proto, 0, sizeof proto);
    mem_reset();
    mem_handshake = mem_rekeys = false;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sp_alloc_hook = NULL;
    sp_life_term();
    sp_life_init();
    if (mem.far >= 0)
        close(mem.far);
    return 0;
}

static void nothing_happens_before_the_first_socket(void **state)
{
    (void)state;
    assert_int_equal(sp_fd_count(), 0);
    assert_null(sp_loop_first());
    sp_life_term();
    sp_life_init();
    assert_int_equal(sp_fd_count(), 0);
}

static void it_starts_once(void **state)
{
    (void)state;
    assert_int_equal(sp_life_start(), 0);
    struct sp_loop *l = sp_loop_first();
    assert_non_null(l);
    assert_int_equal(sp_life_start(), 0);
    assert_ptr_equal(sp_loop_first(), l);
}

static void after_the_end_it_does_not_start_until_told_so(void **state)
{
    (void)state;
    assert_int_equal(sp_life_start(), 0);
    sp_life_term();
    assert_int_equal(sp_fd_count(), 0);
    assert_int_equal(sp_life_start(), -ETERM);
    sp_life_lock();
    assert_int_equal(sp_life_socket_made(), -ETERM);
    sp_life_unlock();
    sp_life_init();
    assert_int_equal(sp_life_start(), 0);
}

static void a_start_without_memory_can_be_tried_again(void **state)
{
    (void)state;
    int nth = 1;
    for (;; nth++) {
        failing_set(nth);
        int rc = sp_life_start();
        if (failing_clear() < nth) {
            assert_int_equal(rc, 0);
            break;
        }
        assert_int_equal(rc, -ENOMEM);
        assert_int_equal(sp_fd_count(), 0);
    }
    assert_true(nth > 2);
}

static void *term_main(void *arg)
{
    sp_life_term();
    atomic_store((atomic_bool *)arg, true);
    return NULL;
}

static void the_end_waits_for_what_lingers(void **state)
{
    (void)state;
    atomic_bool ended = false;
    pthread_t t;
    assert_int_equal(sp_life_start(), 0);
    loop = sp_loop_first();
    int fd = sp_table_open(AF_SP, MEM_ID);
    sock = sp_table_enter(fd);
    sock->linger = -1;
    mem_open(false);
    MEM_SET(room, 0);
    assert_int_equal(send_text("last"), 0);
    sp_table_leave(fd);
    assert_int_equal(pthread_create(&t, NULL, term_main, &ended), 0);
    UNTIL_LOCKED(conn->state == CONN_DRAIN);
    pass(20);
    assert_false(atomic_load(&ended));
    MEM_SET(room, SIZE_MAX);
    event(POLLOUT);
    assert_true(wrote("last;"));
    MEM_SET(in_end, 0);
    struct mem_task m = {.task.fn = mem_task_run, .events = POLLIN};
    sp_waiter_init(&m.w);
    sp_loop_post(loop, &m.task);
    pthread_join(t, NULL); /* the loop is gone with it */
    sp_waiter_fini(&m.w);
    assert_true(atomic_load(&ended));
    assert_int_equal(atomic_load(&mem.n_closed), 1);
    assert_int_equal(sp_fd_count(), 0);
}

static void the_end_is_refused_inside_a_callback(void **state)
{
    (void)state;
    assert_int_equal(sp_life_start(), 0);
    int fd = sp_table_open(AF_SP, MEM_ID);
    sp_sock_calling = sp_table_enter(fd);
    sp_life_term();
    sp_sock_calling = NULL;
    assert_false(sp_life_ended());
    sp_table_leave(fd);
    assert_int_equal(sp_table_close(fd), 0);
}

/* Gives what is wrong in the child. */
static int child(int fd)
{
    if (sp_fd_count() != 0)
        return 1;
    if (sp_table_enter(fd) || sp_table_close(fd) != -EBADF)
        return 2;
    if (sp_life_start() != 0 || !sp_loop_first())
        return 3;
    if (sp_table_open(AF_SP, MEM_ID) != 0 || sp_table_close(0) != 0)
        return 4;
    sp_life_term();
    return sp_fd_count() ? 5 : 0;
}

static void a_forked_child_begins_anew_and_the_parent_notices_nothing(void **state)
{
    (void)state;
    int status;
    if (FORK_LOSES_TSAN)
        skip();
    assert_int_equal(sp_life_start(), 0);
    loop = sp_loop_first();
    int fd = sp_table_open(AF_SP, MEM_ID);
    sock = sp_table_enter(fd);
    sock->linger = 0;
    mem_open(false);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        _exit(child(fd));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(send_text("still here"), 0);
    assert_true(wrote("still here;"));
    sp_table_leave(fd);
}

#define LIFE_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIFE_TEST(nothing_happens_before_the_first_socket),
        LIFE_TEST(it_starts_once),
        LIFE_TEST(after_the_end_it_does_not_start_until_told_so),
        LIFE_TEST(a_start_without_memory_can_be_tried_again),
        LIFE_TEST(the_end_waits_for_what_lingers),
        LIFE_TEST(the_end_is_refused_inside_a_callback),
        LIFE_TEST(a_forked_child_begins_anew_and_the_parent_notices_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
