/* The door of Holdfast for C, and for what speaks C: one session per process, as in holdfast.h, which says more about each
 * option. Link holdfast::holdfast (or `pkg-config holdfast`) with the C++ compiler as the linker. Any thread. */
#ifndef HOLDFAST_HOLDFAST_C_H
#define HOLDFAST_HOLDFAST_C_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Zero in every field stands for the default: `holdfast_options options = {0}; options.listen = "127.0.0.1:6060";` */
typedef struct holdfast_options {
  const char* listen;          /* "host:port", "unix:/path"; NULL: no endpoint */
  uint64_t interval_bytes;     /* mean bytes between two samples; 0: 512 KiB */
  int exact;                   /* 1: count every allocation */
  int wait_for_start;          /* 1: holdfast_start() begins the recording */
  uint32_t max_frames;         /* per stack; 0: 64 */
  int hide_arguments;          /* 1: /cmdline does not tell the program's arguments */
  const char* auth_file;       /* names and hashed passwords of those who may ask */
  const char* tls_certificate; /* PEM files that make the endpoint https ... */
  const char* tls_key;
  const char* tls_client_ca;   /* ... for clients with a certificate of this authority only */
} holdfast_options;

/* 0, or -1 with one line of what happened and what to do next in `error` (may be NULL), cut to `error_size`. NULL options:
 * all defaults. */
int holdfast_open(const holdfast_options* options, char* error, size_t error_size);
void holdfast_close(void);

/* 0, or -1 when no session is open or the recorder refuses. An interval of 1 counts every allocation. */
int holdfast_start(void);
int holdfast_stop(void);
int holdfast_set_interval(uint64_t bytes);

/* The endpoint's address as clients write it, cut to `size`; empty without one. Returns its whole length. */
size_t holdfast_address(char* address, size_t size);

/* `n` units of work are done: requests served, messages handled. */
void holdfast_add_work(uint64_t n);

/* Writes the heap profile as gzipped pprof, whole or not at all. 0, or -1 as holdfast_open. */
int holdfast_write_heap_profile(const char* path, char* error, size_t error_size);

/* The endpoint inside an HTTP server of your own: see holdfast/http.h. Headers are names and values in turn, ended by NULL. */
typedef struct holdfast_request {
  const char* method;
  const char* target; /* path and query */
  const char* const* headers;
  const char* body;
  size_t body_size;
} holdfast_request;

typedef struct holdfast_response {
  int status;
  const char* const* headers; /* names and values in turn, ended by NULL */
  const char* body;
  size_t body_size;
  void* memory; /* ours; holdfast_free_response() gives it back */
} holdfast_response;

/* Fills `response`. 0, or -1 when memory is short. */
int holdfast_handle(const holdfast_request* request, holdfast_response* response);
void holdfast_free_response(holdfast_response* response);

#ifdef __cplusplus
}
#endif

#endif
