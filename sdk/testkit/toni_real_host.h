/** @file
 * A real host for tests of plugins: `toni run` as a process of its own, on ports that the kernel
 * chooses, and a WebSocket client that speaks to it. For what the fake host (toni_testkit.h) is
 * not: sockets, threads, configuration. With Check; what can't be right fails the test, and shows
 * what the host has logged.
 *
 *     toni_real_host host;
 *     toni_real_client client;
 *     toni_real_host_start_with(&host, "build/greeter_gateway.so", "greeting = \"Good day\";");
 *     toni_real_client_connect(&client, &host, "/greet");
 *     toni_real_client_expect(&client, "text:What is your name?\n");
 *     toni_real_client_send_text(&client, "Anna");
 *     toni_real_client_expect(&client, "text:Good day, Anna!\n");
 *     toni_real_client_close(&client);
 *     toni_real_host_stop(&host);
 *
 * The program is the one that was built or installed with the test kit; the environment's
 * TONI_PROGRAM names another. From a shell, `with_toni_host` beside this file does the same.
 */
#ifndef TONI_REAL_HOST_H
#define TONI_REAL_HOST_H

#include <check.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How long a host has to be ready or to end, and a message to come, in milliseconds. */
#define TONI_REAL_MOST_MS 20000

/** A running host. Ends with the test's process, whatever becomes of that. */
typedef struct toni_real_host {
    int pid;
    int log_fd;              /**< its stderr. Internal */
    unsigned websocket_port; /**< on 127.0.0.1 */
    unsigned http_port;      /**< on 127.0.0.1; 0: the configuration has no `http` */
    unsigned admin_port;     /**< the same of `admin`, where `/metrics` is */
    char folder[64];         /**< with gateways.conf; gone after the stop */
    char log[65536];         /**< what it has logged as far as it was read, NUL-terminated */
    size_t log_size;
} toni_real_host;

/** Starts a host and waits until it is ready.
 * @param configuration  The text of gateways.conf. `listen` has port 0, on 127.0.0.1:
 *                       `listen = { websocket = "127.0.0.1:0"; http = "127.0.0.1:0"; };`. */
void toni_real_host_start(toni_real_host *host, const char *configuration);

/** Starts a host with one gateway, on the descriptor's own path, in a module that imports
 * `broadcast`; it answers HTTP and has `admin`, too.
 * @param library  The plugin's file; a service alone takes toni_real_host_start.
 * @param options  Of the instance, as in gateways.conf: `most = 3; name = "x";`; may be empty. */
void toni_real_host_start_with(toni_real_host *host, const char *library, const char *options);

/** Waits until the log has the text; fails the test if it doesn't come.
 * @param text  Part of a line, such as `level=warn`. */
void toni_real_host_expect_log(toni_real_host *host, const char *text);

/** Stops the host, as SIGTERM does, and fails the test unless it ends with 0. */
void toni_real_host_stop(toni_real_host *host);

/** A WebSocket connection to a host. */
typedef struct toni_real_client {
    int fd; /**< Internal */
    const toni_real_host *host;
    char got[65536]; /**< what has come and was not compared yet: lines */
    size_t got_size;
    char message[65536]; /**< whose last frame has not come yet. Internal */
    size_t message_size;
    int message_kind;
} toni_real_client;

/** Asks for a connection.
 * @param path     With a query, if there is one.
 * @param headers  More fields, each with CR and LF: `"Cookie: a=b\r\n"`; may be empty.
 * @return The status of the answer: 101, and the client is connected; else it is not. */
unsigned toni_real_client_open(toni_real_client *client, const toni_real_host *host,
                               const char *path, const char *headers);

/** Connects; fails the test if it is refused. */
void toni_real_client_connect(toni_real_client *client, const toni_real_host *host,
                              const char *path);

/** Sends a text. @param text  NUL-terminated; at most 65,535 bytes. */
void toni_real_client_send_text(toni_real_client *client, const char *text);

/** Waits until as much has come as is expected, or something else has: that fails the test, and
 * shows both. So does silence of TONI_REAL_MOST_MS, which is more than Check gives a test: set
 * tcase_set_timeout.
 * @param expected  Lines, each with its newline, as of the fake host: `text:…`, `binary:…` with `~`
 *                  for each NUL, `close CODE TEXT`. */
void toni_real_client_expect(toni_real_client *client, const char *expected);

/** Ends the connection with a close frame of code 1000, without waiting for the answer. */
void toni_real_client_close(toni_real_client *client);

#ifdef __cplusplus
}
#endif

#endif
