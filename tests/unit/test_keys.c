/* test_keys.c — key files and key sets: what is taken, what is refused, and what happens when they change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/pem.h>

#include "forge.h"
#include "keys.h"

static struct forge forge;
static char last_note[512];

static void remember(const char *text)
{
    snprintf(last_note, sizeof last_note, "%s", text);
}

static int start(void **state)
{
    (void)state;
    last_note[0] = '\0';
    forge_open(&forge);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    forge_close(&forge);
    return 0;
}

static struct keys *open_keys(void)
{
    struct keys *keys = NULL;
    char *text = NULL;

    if (keys_new(forge.folder, NULL, remember, &keys, &text))
        fail_msg("%s", text);
    return keys;
}

static void refused(const char *wanted)
{
    struct keys *keys = NULL;
    char *text = NULL;

    assert_int_not_equal(keys_new(forge.folder, NULL, remember, &keys, &text), 0);
    assert_null(keys);
    assert_non_null(text);
    if (!strstr(text, wanted))
        fail_msg("\"%s\" does not say \"%s\"", text, wanted);
    free(text);
}

static void test_three_algorithms(void **state)
{
    struct keys *keys;
    const char *fault = NULL;

    (void)state;
    forge_write_keys(&forge);
    keys = open_keys();
    assert_int_equal(keys_find(keys, "hs")->algorithm, KEY_HS256);
    assert_int_equal(keys_find(keys, "rsa")->algorithm, KEY_RS256);
    assert_int_equal(keys_find(keys, "rsa")->signature_size, 256);
    assert_int_equal(keys_find(keys, "ec")->algorithm, KEY_ES256);
    assert_int_equal(keys_find(keys, "ec")->signature_size, 64);
    assert_null(keys_find(keys, "other"));
    assert_null(keys_find(keys, "../hs"));
    assert_null(keys_find(keys, NULL)); /* three keys: a token has to name one */
    assert_null(keys_signer(keys, NULL, &fault));
    assert_non_null(fault);
    assert_non_null(keys_signer(keys, "ec", &fault));
    keys_free(keys);
}

static void test_public_halves_check_and_do_not_sign(void **state)
{
    char *ec = forge_pem(forge.ec, 0);
    const char *fault = NULL;
    struct keys *keys;

    (void)state;
    forge_write(&forge, "rsa.rs256.pem", forge.rsa_public_pem, strlen(forge.rsa_public_pem), 0644);
    keys = open_keys();
    assert_non_null(keys_find(keys, NULL)); /* the only one */
    assert_null(keys_signer(keys, NULL, &fault));
    keys_free(keys);
    forge_write(&forge, "ec.es256.pem", ec, strlen(ec), 0644);
    keys = open_keys();
    assert_null(keys_find(keys, "ec")->private_pem);
    keys_free(keys);
    free(ec);
}

static void secret_is(const char *file, size_t size, const void *wanted, size_t wanted_size)
{
    struct keys *keys;
    const struct key *key;

    forge_write(&forge, "k.hs256", file, size, 0600);
    keys = open_keys();
    key = keys_find(keys, "k");
    assert_int_equal(key->material_size, wanted_size);
    assert_memory_equal(key->material, wanted, wanted_size);
    keys_free(keys);
}

static void test_ways_to_write_a_secret(void **state)
{
    static const char text[] = "a secret of the tests alone, 32+ bytes long";
    static const unsigned char bytes[32] = {0, 1, 2, 0xff, [31] = '\n'};

    (void)state;
    secret_is(text, sizeof text - 1, text, sizeof text - 1);
    secret_is("a secret of the tests alone, 32+ bytes long\n", sizeof text, text, sizeof text - 1);
    secret_is("a secret of the tests alone, 32+ bytes long\r\n", sizeof text + 1, text, sizeof text - 1);
    /* Bytes are bytes, even when the last looks like a line end. */
    secret_is((const char *)bytes, sizeof bytes, bytes, sizeof bytes);
    secret_is("hex:000102ff0000000000000000000000000000000000000000000000000000000a\n", 69, bytes, sizeof bytes);
    secret_is("base64:AAEC/wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAo=\n", 52, bytes, sizeof bytes);
    secret_is("base64:AAEC_wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAo", 50, bytes, sizeof bytes);
}

static void test_bad_secrets(void **state)
{
    (void)state;
    forge_write(&forge, "k.hs256", forge_secret, 31, 0600);
    refused("shorter than 32 bytes");
    forge_write(&forge, "k.hs256", "", 0, 0600);
    refused("shorter than 32 bytes");
    forge_write(&forge, "k.hs256", "hex:00", 6, 0600);
    refused("shorter than 32 bytes");
    forge_write(&forge, "k.hs256", "hex:0g", 6, 0600);
    refused("no hexadecimal or base64");
    forge_write(&forge, "k.hs256", forge_secret, 39, 0640);
    refused("can be read by others");
    forge_write(&forge, "k.hs256", forge_secret, 39, 0604);
    refused("can be read by others");
}

static void refuse_pem(const char *name, EVP_PKEY *pkey, const char *wanted)
{
    char *pem = forge_pem(pkey, 0);

    forge_write(&forge, name, pem, strlen(pem), 0644);
    refused(wanted);
    forge_remove(&forge, name);
    free(pem);
    EVP_PKEY_free(pkey);
}

static void test_bad_pems(void **state)
{
    char *pem = forge_pem(forge.rsa, 1);

    (void)state;
    forge_write(&forge, "k.rs256.pem", pem, strlen(pem), 0644);
    refused("can be read by others");
    forge_write(&forge, "k.rs256.pem", pem, strlen(pem) / 2, 0600);
    refused("no PEM key");
    forge_remove(&forge, "k.rs256.pem");
    free(pem);
    refuse_pem("k.rs256.pem", forge_rsa(1024), "fewer than 2048 bits");
    refuse_pem("k.rs256.pem", forge_ec("P-256"), "no RSA key");
    refuse_pem("k.es256.pem", forge_ec("P-384"), "not on the curve P-256");
    refuse_pem("k.es256.pem", forge_ec("secp256k1"), "not on the curve P-256");
    refuse_pem("k.es256.pem", forge_rsa(2048), "no EC key");
    forge_write(&forge, "k.rs256.pem", "", 0, 0644);
    refused("no PEM key");
}

static void test_passphrase_is_not_asked_for(void **state)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data;
    long size;

    (void)state;
    assert_true(
        PEM_write_bio_PrivateKey(bio, forge.ec, EVP_aes_128_cbc(), (const unsigned char *)"pass", 4, NULL, NULL));
    size = BIO_get_mem_data(bio, &data);
    forge_write(&forge, "k.es256.pem", data, (size_t)size, 0600);
    BIO_free(bio);
    refused("no PEM key");
}

static void test_names(void **state)
{
    struct keys *keys;

    (void)state;
    refused("no usable key");
    forge_write(&forge, "README", "x", 1, 0644);
    forge_write(&forge, ".hidden.hs256", forge_secret, 39, 0600);
    forge_write(&forge, "a b.hs256", forge_secret, 39, 0600);
    refused("no usable key");
    forge_write(&forge, "one.hs256", forge_secret, 39, 0600);
    keys = open_keys();
    assert_non_null(keys_find(keys, NULL));
    assert_non_null(strstr(last_note, "no key by its name"));
    keys_free(keys);
    forge_write(&forge, "one.rs256.pem", forge.rsa_public_pem, strlen(forge.rsa_public_pem), 0644);
    refused("has a kid that another one has");
}

static void test_changes_are_noticed(void **state)
{
    struct keys *keys;

    (void)state;
    forge_write(&forge, "one.hs256", forge_secret, 39, 0600);
    keys = open_keys();
    assert_false(keys_refresh(keys, 1000));
    forge_write(&forge, "two.hs256", forge_secret, 39, 0600);
    assert_false(keys_refresh(keys, 1001)); /* too soon to look again */
    assert_null(keys_find(keys, "two"));
    assert_true(keys_refresh(keys, 1000 + KEYS_LOOK_EVERY_S));
    assert_non_null(keys_find(keys, "two"));
    forge_remove(&forge, "one.hs256");
    assert_true(keys_refresh(keys, 1100));
    assert_null(keys_find(keys, "one"));
    /* A file that went bad takes its key along and leaves the others. */
    forge_write(&forge, "three.hs256", forge_secret, 5, 0600);
    assert_true(keys_refresh(keys, 1200));
    assert_non_null(keys_find(keys, "two"));
    assert_null(keys_find(keys, "three"));
    /* The clock was set back. */
    forge_remove(&forge, "two.hs256");
    assert_true(keys_refresh(keys, 500));
    assert_null(keys_find(keys, "two"));
    keys_free(keys);
}

static void test_folder_that_vanishes_keeps_its_keys(void **state)
{
    char *away = forge_format("%s-away", forge.folder);
    struct keys *keys;

    (void)state;
    forge_write(&forge, "one.hs256", forge_secret, 39, 0600);
    keys = open_keys();
    assert_int_equal(rename(forge.folder, away), 0);
    assert_false(keys_refresh(keys, 1000));
    assert_non_null(keys_find(keys, "one"));
    assert_non_null(strstr(last_note, "cannot be read"));
    assert_int_equal(rename(away, forge.folder), 0);
    assert_true(keys_refresh(keys, 2000));
    assert_non_null(keys_find(keys, "one"));
    keys_free(keys);
    free(away);
}

static unsigned jwks_size(const char *text, int wanted)
{
    struct key_list list;
    unsigned n;

    assert_int_equal(jwks_read(text, strlen(text), remember, &list), wanted);
    n = list.n;
    key_list_clear(&list);
    return n;
}

static unsigned jwks_with(const char *more)
{
    EVP_PKEY *pkeys[] = {forge.rsa, forge.ec};
    const char *kids[] = {"r", "e"};
    char *text = forge_jwks(pkeys, kids, 2, more);
    unsigned n = jwks_size(text, 0);

    free(text);
    return n;
}

static void test_jwks(void **state)
{
    (void)state;
    assert_int_equal(jwks_with(""), 2);
    assert_int_equal(jwks_with(",\"use\":\"sig\",\"key_ops\":[\"verify\"],\"x5t\":\"zzz\""), 2);
    assert_int_equal(jwks_with(",\"alg\":\"RS256\""), 1);
    assert_int_equal(jwks_with(",\"alg\":\"ES256\""), 1);
    assert_int_equal(jwks_with(",\"alg\":\"HS256\""), 0);
    assert_int_equal(jwks_with(",\"alg\":\"none\""), 0);
    assert_int_equal(jwks_with(",\"use\":\"enc\""), 0);
    assert_int_equal(jwks_with(",\"use\":7"), 0);
    assert_int_equal(jwks_with(",\"key_ops\":[\"encrypt\"]"), 0);
    assert_int_equal(jwks_with(",\"d\":\"AQAB\""), 0);
    assert_int_equal(jwks_size("{\"keys\":[]}", 0), 0);
    assert_int_equal(jwks_size("{\"keys\":[7,null,{},\"x\",[]]}", 0), 0);
    assert_int_equal(jwks_size("{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\",\"kid\":\"o\"}]}", 0), 0);
    assert_int_equal(jwks_size("{\"keys\":{}}", -EINVAL), 0);
    assert_int_equal(jwks_size("[]", -EINVAL), 0);
    assert_int_equal(jwks_size("{\"keys\":[],\"keys\":[]}", -EINVAL), 0);
    assert_int_equal(jwks_size("", -EINVAL), 0);
}

/* With an exponent of 1 every message is its own signature; a point beside the curve gives others' secrets away. */
static void test_jwks_bad_numbers(void **state)
{
    EVP_PKEY *small = forge_rsa(1024), *pkeys[] = {forge.rsa, forge.ec, small};
    const char *kids[] = {"r", "e", "s"};
    char *text = forge_jwks(pkeys, kids, 3, "");
    char *place;

    (void)state;
    assert_int_equal(jwks_size(text, 0), 2);
    place = strstr(text, "\"e\":\"AQAB\"");
    assert_non_null(place);
    memcpy(place, "\"e\":\"AQ\"  ", 10);
    assert_int_equal(jwks_size(text, 0), 1);
    memcpy(place, "\"e\":\"AAAC\"", 10);
    assert_int_equal(jwks_size(text, 0), 1);
    place = strstr(text, "\"x\":\"") + 5;
    *place = *place == 'A' ? 'B' : 'A';
    assert_int_equal(jwks_size(text, 0), 0);
    place[1] = '=';
    assert_int_equal(jwks_size(text, 0), 0);
    free(text);
    EVP_PKEY_free(small);
}

static void test_jwks_beside_the_folder(void **state)
{
    EVP_PKEY *pkeys[] = {forge.rsa, forge.ec};
    const char *kids[] = {"hs", "their-ec"};
    char *text = forge_jwks(pkeys, kids, 2, ""), *path = forge_path(&forge, "set.json"), *sentence = NULL;
    struct keys *keys = NULL;
    const char *fault = NULL;

    (void)state;
    forge_write_keys(&forge);
    forge_write(&forge, "set.json", text, strlen(text), 0644);
    assert_int_equal(keys_new(forge.folder, path, remember, &keys, &sentence), 0);
    assert_int_equal(keys_find(keys, "hs")->algorithm, KEY_HS256); /* ours is not taken over */
    assert_non_null(keys_find(keys, "their-ec"));
    assert_null(keys_signer(keys, "their-ec", &fault));
    /* Half a file: the keys stay until it is whole again. */
    forge_write(&forge, "set.json", text, 20, 0644);
    keys_refresh(keys, 1000);
    assert_non_null(keys_find(keys, "their-ec"));
    forge_write(&forge, "set.json", "{\"keys\":[]}", 11, 0644);
    assert_true(keys_refresh(keys, 2000));
    assert_null(keys_find(keys, "their-ec"));
    /* The file of the folder goes, so the name is free for the JWKS. */
    forge_write(&forge, "set.json", text, strlen(text), 0644);
    forge_remove(&forge, "hs.hs256");
    assert_true(keys_refresh(keys, 3000));
    assert_int_equal(keys_find(keys, "hs")->algorithm, KEY_RS256);
    keys_free(keys);
    free(text);
    free(path);
}

static void test_places_that_are_not_there(void **state)
{
    struct keys *keys = NULL;
    char *text = NULL;

    (void)state;
    assert_int_equal(keys_new(NULL, "", NULL, &keys, &text), -ENOENT);
    assert_non_null(strstr(text, "Neither key_dir nor jwks_file"));
    free(text);
    assert_int_equal(keys_new("/nowhere", NULL, NULL, &keys, &text), -ENOENT);
    free(text);
    assert_int_equal(keys_new(NULL, "/nowhere.json", NULL, &keys, &text), -ENOENT);
    free(text);
    assert_int_equal(keys_new(NULL, forge.folder, NULL, &keys, &text), -EINVAL);
    free(text);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_three_algorithms),
        CASE(test_public_halves_check_and_do_not_sign),
        CASE(test_ways_to_write_a_secret),
        CASE(test_bad_secrets),
        CASE(test_bad_pems),
        CASE(test_passphrase_is_not_asked_for),
        CASE(test_names),
        CASE(test_changes_are_noticed),
        CASE(test_folder_that_vanishes_keeps_its_keys),
        CASE(test_jwks),
        CASE(test_jwks_bad_numbers),
        CASE(test_jwks_beside_the_folder),
        CASE(test_places_that_are_not_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
