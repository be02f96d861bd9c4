/* The heap endpoint in a server on civetweb, in C: example_civetweb [PORT], 0 picks a free one. */
#include <civetweb.h>
#include <holdfast/holdfast_c.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kMaxHeaders = 64, kMaxBody = 1 << 20 };

static int greet(struct mg_connection* connection, void* unused) {
  (void)unused;
  mg_printf(connection, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nhello\n");
  return 200;
}

/* Called by civetweb when a request is done, whichever handler had it. */
static void count(const struct mg_connection* connection, int status) {
  (void)connection;
  (void)status;
  holdfast_add_work(1);
}

static size_t read_body(struct mg_connection* connection, char* body) {
  size_t size = 0;
  int got;
  while (size < kMaxBody && (got = mg_read(connection, body + size, kMaxBody - size)) > 0)
    size += (size_t)got;
  return size;
}

static int answer(struct mg_connection* connection, void* unused) {
  (void)unused;
  const struct mg_request_info* info = mg_get_request_info(connection);
  const char* headers[2 * kMaxHeaders + 1] = {NULL};
  for (int i = 0; i < info->num_headers && i < kMaxHeaders; ++i) {
    headers[2 * i] = info->http_headers[i].name;
    headers[2 * i + 1] = info->http_headers[i].value;
  }
  char* body = malloc(kMaxBody);
  char target[8192];
  snprintf(target, sizeof target, "%s%s%s", info->local_uri, info->query_string ? "?" : "",
           info->query_string ? info->query_string : "");
  holdfast_request request = {info->request_method, target, headers, body,
                              body == NULL ? 0 : read_body(connection, body)};
  holdfast_response response;
  if (holdfast_handle(&request, &response) != 0) {
    free(body);
    return mg_send_http_error(connection, 503, "no memory");
  }
  int status = response.status;
  mg_printf(connection, "HTTP/1.1 %d %s\r\nContent-Length: %zu\r\n", status,
            mg_get_response_code_text(connection, status), response.body_size);
  for (const char* const* h = response.headers; h[0] != NULL; h += 2)
    mg_printf(connection, "%s: %s\r\n", h[0], h[1]);
  mg_printf(connection, "\r\n");
  if (strcmp(info->request_method, "HEAD") != 0) mg_write(connection, response.body, response.body_size);
  holdfast_free_response(&response);
  free(body);
  return status;
}

int main(int argc, char** argv) {
  /* Blocked before any thread starts, so that sigwait() below gets them. */
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, NULL);

  char error[256];
  if (holdfast_open(NULL, error, sizeof error) != 0) fprintf(stderr, "%s\n", error);

  char address[64];
  snprintf(address, sizeof address, "127.0.0.1:%s", argc > 1 ? argv[1] : "8080");
  const char* options[] = {"listening_ports", address, "num_threads", "4", NULL};
  struct mg_callbacks callbacks;
  memset(&callbacks, 0, sizeof callbacks);
  callbacks.end_request = count;
  struct mg_context* server = mg_start(&callbacks, NULL, options);
  if (server == NULL) return 1;
  mg_set_request_handler(server, "/debug/", answer, NULL);
  mg_set_request_handler(server, "/pprof/", answer, NULL);
  mg_set_request_handler(server, "/$", greet, NULL);
  struct mg_server_port ports[1];
  mg_get_server_ports(server, 1, ports);
  printf("http://127.0.0.1:%d\n", ports[0].port);
  fflush(stdout);

  int signal = 0;
  sigwait(&ends, &signal);
  /* The server first, so that nobody asks a session that is closing. */
  mg_stop(server);
  holdfast_close();
  return 0;
}
