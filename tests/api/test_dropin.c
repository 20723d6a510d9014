/* SPDX-License-Identifier: MIT */
/* nanomsg's library names, libnanomsg.so.5 and .so.6, beside libnanoseal in one process: they are
 * one library with one state. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* dladdr */
#endif
#include "lib.h"
#include <dlfcn.h>

static const char *const functions[] = {
    "nn_errno",      "nn_strerror", "nn_symbol", "nn_symbol_info",   "nn_term",   "nn_allocmsg",
    "nn_reallocmsg", "nn_freemsg",  "nn_socket", "nn_cmsg_nxthdr_",  "nn_close",  "nn_setsockopt",
    "nn_getsockopt", "nn_bind",     "nn_send",   "nn_get_statistic", "nn_recv",   "nn_connect",
    "nn_shutdown",   "nn_sendmsg",  "nn_poll",   "nn_recvmsg",       "nn_device",
};

/* nanomsg's library of this number, which lies beside the one that the test is linked with. */
static void *nanomsg(int number)
{
    char name[4096];
    Dl_info ours;
    assert_int_not_equal(dladdr(dlsym(RTLD_DEFAULT, "nn_socket"), &ours), 0);
    const char *slash = strrchr(ours.dli_fname, '/');
    assert_non_null(slash);
    snprintf(name, sizeof name, "%.*s/libnanomsg.so.%d", (int)(slash - ours.dli_fname),
             ours.dli_fname, number);
    void *lib = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!lib)
        fail_msg("%s", dlerror());
    return lib;
}

typedef int socket_fn(int domain, int protocol);
typedef int send_fn(int s, const void *buf, size_t len, int flags);
typedef void term_fn(void);

static void *function(void *lib, const char *name)
{
    void *fn = dlsym(lib, name);
    if (!fn)
        fail_msg("%s", dlerror());
    return fn;
}
/* ISO C knows no cast from an object's pointer to a function's. */
#define FUNCTION(type, var, lib, name)                                                             \
    type *var;                                                                                     \
    do {                                                                                           \
        void *fn_ = function(lib, name);                                                           \
        memcpy(&var, &fn_, sizeof var);                                                            \
    } while (0)

static void test_all_names_have_the_same_functions(void **state)
{
    (void)state;
    void *libs[] = {nanomsg(5), nanomsg(6)};
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        void *ours = function(RTLD_DEFAULT, functions[i]);
        for (size_t k = 0; k < 2; k++)
            assert_ptr_equal(function(libs[k], functions[i]), ours);
    }
    for (size_t k = 0; k < 2; k++)
        dlclose(libs[k]);
}

static void test_sockets_of_one_name_are_those_of_the_other(void **state)
{
    (void)state;
    void *five = nanomsg(5), *six = nanomsg(6);
    FUNCTION(socket_fn, open5, five, "nn_socket");
    FUNCTION(socket_fn, open6, six, "nn_socket");
    FUNCTION(send_fn, send6, six, "nn_send");
    int s = open5(AF_SP, NN_PAIR), c = open6(AF_SP, NN_PAIR);
    assert_int_equal(s, 0);
    assert_int_equal(c, 1);
    lib_set(s, NN_ALLOW_PORT0, 1);
    lib_set(s, NN_RCVTIMEO, LIB_PATIENCE_MS);
    lib_join(s, c);
    assert_int_equal(send6(c, "hello", 5, 0), 5);
    lib_expect(s, "hello");
    lib_close((struct lib_two){s, c});
    dlclose(five);
    dlclose(six);
}

static void test_nn_term_of_one_name_ends_the_other(void **state)
{
    (void)state;
    void *five = nanomsg(5);
    FUNCTION(term_fn, term5, five, "nn_term");
    FUNCTION(socket_fn, open5, five, "nn_socket");
    int s = lib_socket(NN_PAIR);
    term5();
    lib_fails(nn_close(s), EBADF);
    lib_fails(nn_socket(AF_SP, NN_PAIR), ETERM);
    lib_ok(nn_init());
    s = open5(AF_SP, NN_PAIR);
    lib_ok(nn_close(s));
    dlclose(five);
}

static void test_unloading_a_name_leaves_the_sockets(void **state)
{
    (void)state;
    void *five = nanomsg(5);
    struct lib_two t = lib_two(NN_PAIR, NN_PAIR);
    dlclose(five);
    lib_send(t.c, "still here");
    lib_expect(t.s, "still here");
    lib_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_names_have_the_same_functions),
        cmocka_unit_test(test_sockets_of_one_name_are_those_of_the_other),
        cmocka_unit_test(test_nn_term_of_one_name_ends_the_other),
        cmocka_unit_test(test_unloading_a_name_leaves_the_sockets),
    };
    alarm(120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
