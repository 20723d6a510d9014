/* SPDX-License-Identifier: MIT */
/* Certificates between two ends in memory: made here, so that none lies in the repository or
 * expires. */
#include "tls_support.h"
#include <mbedtls/psa_util.h>
#include <mbedtls/x509_crt.h>
#include <sys/stat.h>
#include <unistd.h>

#define RNG mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE

static char dir[] = "certsXXXXXX";
static struct link l;

static void write_file(const char *name, const char *ext, const void *text, mode_t mode)
{
    char path[64];
    snprintf(path, sizeof path, "%s/%s.%s", dir, name, ext);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    assert_int_equal(chmod(path, mode), 0);
}

static void make_key(mbedtls_pk_context *key)
{
    mbedtls_pk_init(key);
    assert_int_equal(mbedtls_pk_setup(key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)), 0);
    assert_int_equal(mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(*key), RNG), 0);
}

/* Writes NAME.pem and NAME.key, signed by `by` (NULL: by itself, as an authority). */
static void make_cert(const char *name, mbedtls_pk_context *key, const char *by,
                      mbedtls_pk_context *by_key)
{
    static unsigned char pem[4096];
    char subject[64], issuer[64];
    unsigned char serial = 1;
    mbedtls_x509_san_list san = {.node = {.type = MBEDTLS_X509_SAN_DNS_NAME}};
    san.node.san.unstructured_name.p = (unsigned char *)(uintptr_t)name;
    san.node.san.unstructured_name.len = strlen(name);
    mbedtls_x509write_cert w;
    mbedtls_x509write_crt_init(&w);
    snprintf(subject, sizeof subject, "CN=%s", name);
    snprintf(issuer, sizeof issuer, "CN=%s", by ? by : name);
    mbedtls_x509write_crt_set_md_alg(&w, MBEDTLS_MD_SHA256);
    mbedtls_x509write_crt_set_subject_key(&w, key);
    mbedtls_x509write_crt_set_issuer_key(&w, by ? by_key : key);
    assert_int_equal(mbedtls_x509write_crt_set_subject_name(&w, subject), 0);
    assert_int_equal(mbedtls_x509write_crt_set_issuer_name(&w, issuer), 0);
    assert_int_equal(mbedtls_x509write_crt_set_serial_raw(&w, &serial, 1), 0);
    assert_int_equal(mbedtls_x509write_crt_set_validity(&w, "20200101000000", "20991231235959"), 0);
    assert_int_equal(mbedtls_x509write_crt_set_basic_constraints(&w, !by, -1), 0);
    assert_int_equal(mbedtls_x509write_crt_set_subject_alternative_name(&w, &san), 0);
    assert_int_equal(mbedtls_x509write_crt_pem(&w, pem, sizeof pem, RNG), 0);
    write_file(name, "pem", pem, 0644);
    assert_int_equal(mbedtls_pk_write_key_pem(key, pem, sizeof pem), 0);
    write_file(name, "key", pem, 0600);
    mbedtls_x509write_crt_free(&w);
}

static int made(void **state)
{
    (void)state;
    mbedtls_pk_context root, stranger, hub, device, foreign;
    if (!mkdtemp(dir) || nn_tls_destroy(nn_tls_create()) != 0)
        return -1;
    make_key(&root), make_key(&stranger), make_key(&hub), make_key(&device), make_key(&foreign);
    make_cert("root", &root, NULL, NULL);
    make_cert("stranger", &stranger, NULL, NULL);
    make_cert("hub", &hub, "root", &root);
    make_cert("device", &device, "root", &root);
    make_cert("foreign", &foreign, "stranger", &stranger);
    mbedtls_pk_free(&root), mbedtls_pk_free(&stranger), mbedtls_pk_free(&hub);
    mbedtls_pk_free(&device), mbedtls_pk_free(&foreign);
    return 0;
}

static int gone(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command);
}

static const char *path(const char *file)
{
    static char text[4][64];
    static int n;
    char *to = text[n++ % 4];
    snprintf(to, 64, "%s/%s", dir, file);
    return to;
}

/* A configuration with an authority and a certificate, each may be NULL. */
static int config(const char *ca, const char *name)
{
    char pem[32], key[32];
    int h = nn_tls_create();
    assert_true(h > 0);
    if (ca) {
        snprintf(pem, sizeof pem, "%s.pem", ca);
        assert_int_equal(nn_tls_ca(h, path(pem)), 0);
    }
    if (name) {
        snprintf(pem, sizeof pem, "%s.pem", name);
        snprintf(key, sizeof key, "%s.key", name);
        assert_int_equal(nn_tls_cert(h, path(pem), path(key)), 0);
    }
    return h;
}

static int begun(void **state)
{
    (void)state;
    link_init(&l);
    l.psk_only = false;
    l.host = "hub";
    return 0;
}

static int ended(void **state)
{
    (void)state;
    link_fini(&l);
    return 0;
}

static void open_once(int client, int server)
{
    link_open(&l, client, server);
    nn_tls_destroy(client);
    nn_tls_destroy(server);
}

/* What the client reads last, when the server was the one to refuse. */
static void client_hears(enum sp_reason why)
{
    uint8_t buf[10];
    l.server.s->ops->close(l.server.s);
    l.server.s = NULL;
    assert_int_equal(l.client.rc, 0);
    assert_int_equal(side_read(&l.client, buf, sizeof buf), -ECONNRESET);
    assert_int_equal(l.client.peer.reason, why);
}

static void test_mutual(void **state)
{
    (void)state;
    open_once(config("root", "device"), config("root", "hub"));
    assert_int_equal(l.client.rc, 0);
    assert_int_equal(l.server.rc, 0);
    assert_non_null(l.server.peer.cert);
    assert_non_null(l.client.peer.cert);
    assert_null(l.server.peer.id);
    link_carry(&l.client, &l.server, 30000, 65536);
    link_carry(&l.server, &l.client, 30000, 65536);
}

static void test_client_without_certificate_where_none_is_wanted(void **state)
{
    (void)state;
    open_once(config("root", NULL), config(NULL, "hub"));
    assert_int_equal(l.server.rc, 0);
    assert_null(l.server.peer.cert);
    link_carry(&l.client, &l.server, 100, 100);
}

static void test_wrong_name(void **state)
{
    (void)state;
    l.host = "elsewhere";
    open_once(config("root", "device"), config("root", "hub"));
    assert_int_equal(l.client.rc, -EACCES);
    assert_int_equal(l.client.peer.reason, SP_REASON_CERTIFICATE);
}

static void test_server_name_overrides_the_host(void **state)
{
    (void)state;
    int c = config("root", "device");
    l.host = "elsewhere";
    assert_int_equal(nn_tls_server_name(c, "hub"), 0);
    open_once(c, config("root", "hub"));
    assert_int_equal(l.client.rc, 0);
}

static void test_server_of_an_unknown_authority(void **state)
{
    (void)state;
    open_once(config("root", "device"), config("root", "foreign"));
    assert_int_equal(l.client.rc, -EACCES);
    assert_int_equal(l.client.peer.reason, SP_REASON_CERTIFICATE);
    assert_int_equal(l.server.peer.reason, SP_REASON_CERTIFICATE);
}

static void test_client_of_an_unknown_authority_hears_why(void **state)
{
    (void)state;
    open_once(config("root", "foreign"), config("root", "hub"));
    assert_int_equal(l.server.rc, -EACCES);
    assert_int_equal(l.server.peer.reason, SP_REASON_CERTIFICATE);
    client_hears(SP_REASON_CERTIFICATE);
}

static void test_client_without_certificate_hears_why(void **state)
{
    (void)state;
    open_once(config("root", NULL), config("root", "hub"));
    assert_int_equal(l.server.rc, -EACCES);
    assert_int_equal(l.server.peer.reason, SP_REASON_CERTIFICATE);
    client_hears(SP_REASON_CERTIFICATE);
}

static void test_verify_none_takes_anybody_when_asked_to(void **state)
{
    (void)state;
    int c = config(NULL, NULL), s = config(NULL, "hub");
    assert_int_equal(nn_tls_verify(c, NN_TLS_VERIFY_NONE), 0);
    assert_int_equal(nn_tls_auth(c, NN_TLS_AUTH_CERT), 0);
    open_once(c, s);
    assert_int_equal(l.client.rc, 0);
}

static void test_either_takes_a_key(void **state)
{
    (void)state;
    int c = tls_handle("alice", tls_key, NN_TLS_DIAL), s = config("root", "hub");
    assert_int_equal(nn_tls_psk_add(s, "alice", 5, tls_key, 32, NN_TLS_ACCEPT), 0);
    assert_int_equal(nn_tls_auth(s, NN_TLS_AUTH_EITHER), 0);
    open_once(c, s);
    assert_int_equal(l.server.rc, 0);
    assert_memory_equal(l.server.peer.id, "alice", 5);
    assert_null(l.server.peer.cert);
}

static void test_either_takes_a_certificate(void **state)
{
    (void)state;
    int c = config("root", "device"), s = config("root", "hub");
    assert_int_equal(nn_tls_psk_add(s, "alice", 5, tls_key, 32, NN_TLS_ACCEPT), 0);
    assert_int_equal(nn_tls_auth(s, NN_TLS_AUTH_EITHER), 0);
    open_once(c, s);
    assert_int_equal(l.server.rc, 0);
    assert_non_null(l.server.peer.cert);
    assert_null(l.server.peer.id);
}

static void test_either_refuses_who_has_neither(void **state)
{
    (void)state;
    int c = config("root", NULL), s = config("root", "hub");
    assert_int_equal(nn_tls_psk_add(s, "alice", 5, tls_key, 32, NN_TLS_ACCEPT), 0);
    assert_int_equal(nn_tls_auth(s, NN_TLS_AUTH_EITHER), 0);
    open_once(c, s);
    assert_true(l.server.rc < 0);
}

static void test_tls_psk_never_takes_a_certificate(void **state)
{
    (void)state;
    int c = tls_handle("alice", tls_key, NN_TLS_DIAL), s = config("root", "hub");
    assert_int_equal(nn_tls_ca(c, path("root.pem")), 0);
    l.psk_only = true;
    link_side(&l, &l.client, c, true);
    l.psk_only = false;
    link_side(&l, &l.server, s, false);
    link_shake(&l);
    assert_true(l.client.rc < 0);
    assert_true(l.server.rc < 0);
    nn_tls_destroy(c);
    nn_tls_destroy(s);
}

static int auth(int h, bool dialler, bool psk_only)
{
    struct sp_tls_cfg *c = sp_tls_cfg_get(h);
    int rc = sp_tls_cfg_auth(c, dialler, psk_only);
    sp_tls_cfg_drop(c);
    nn_tls_destroy(h);
    return rc;
}

static void test_a50_what_is_not_enough(void **state)
{
    (void)state;
    assert_int_equal(auth(config(NULL, NULL), true, true), -EACCES);
    assert_int_equal(auth(config(NULL, NULL), false, false), -EACCES);
    assert_int_equal(auth(config("root", "hub"), false, true), -EACCES);
    assert_int_equal(auth(config("root", "hub"), false, false), NN_TLS_AUTH_CERT);
    assert_int_equal(auth(config("root", NULL), true, false), NN_TLS_AUTH_CERT);
    assert_int_equal(auth(config("root", NULL), false, false), -EACCES);
    assert_int_equal(auth(config(NULL, "device"), true, false), -EACCES);
    assert_int_equal(auth(tls_handle("a", tls_key, NN_TLS_DIAL), true, true), NN_TLS_AUTH_PSK);
    assert_int_equal(auth(tls_handle("a", tls_key, NN_TLS_DIAL), false, true), -EACCES);
    assert_int_equal(auth(tls_handle("a", tls_key, NN_TLS_ACCEPT), true, true), -EACCES);
    int h = config("root", "hub");
    nn_tls_psk_add(h, "a", 1, tls_key, 32, NN_TLS_ACCEPT);
    nn_tls_auth(h, NN_TLS_AUTH_EITHER);
    nn_tls_verify(h, NN_TLS_VERIFY_NONE);
    assert_int_equal(auth(h, false, false), -EACCES);
}

static void test_files_that_are_no_certificates(void **state)
{
    (void)state;
    int h = nn_tls_create();
    assert_int_equal(nn_tls_ca(h, path("hub.key")), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(nn_tls_ca(h, path("none.pem")), -1);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(nn_tls_cert(h, path("hub.pem"), path("device.key")), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(nn_tls_cert(h, path("hub.pem"), NULL), -1);
    assert_int_equal(errno, EFAULT);
    assert_int_equal(chmod(path("hub.key"), 0604), 0);
    assert_int_equal(nn_tls_cert(h, path("hub.pem"), path("hub.key")), -1);
    assert_int_equal(errno, EACCES);
    assert_int_equal(chmod(path("hub.key"), 0600), 0);
    assert_int_equal(nn_tls_cert(h, path("hub.pem"), path("hub.key")), 0);
    nn_tls_destroy(h);
}

#define CERT(test) cmocka_unit_test_setup_teardown(test, begun, ended)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CERT(test_mutual),
        CERT(test_client_without_certificate_where_none_is_wanted),
        CERT(test_wrong_name),
        CERT(test_server_name_overrides_the_host),
        CERT(test_server_of_an_unknown_authority),
        CERT(test_client_of_an_unknown_authority_hears_why),
        CERT(test_client_without_certificate_hears_why),
        CERT(test_verify_none_takes_anybody_when_asked_to),
        CERT(test_either_takes_a_key),
        CERT(test_either_takes_a_certificate),
        CERT(test_either_refuses_who_has_neither),
        CERT(test_tls_psk_never_takes_a_certificate),
        cmocka_unit_test(test_a50_what_is_not_enough),
        cmocka_unit_test(test_files_that_are_no_certificates),
    };
    int rc = cmocka_run_group_tests(tests, made, gone);
    sp_scratch_fini();
    return rc;
}
