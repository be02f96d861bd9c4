/* The door for C, asked from C: built by the C compiler. Exits with the number of the first check that
 * failed. */
#include <holdfast/holdfast_c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failed = 0;
static int checks = 0;
static void check(int condition, const char* what) {
  ++checks;
  if (condition || failed) return;
  failed = checks;
  fprintf(stderr, "check %d failed: %s\n", checks, what);
}
#define CHECK(condition) check(condition, #condition)

int main(int argc, char** argv) {
  char text[256] = "untouched";
  holdfast_response response;
  holdfast_request request = {"GET", "/debug/pprof/heap", NULL, NULL, 0};
  if (argc != 2) return 100;

  CHECK(holdfast_start() == -1);
  CHECK(holdfast_address(text, sizeof text) == 0 && text[0] == '\0');
  CHECK(holdfast_write_heap_profile(argv[1], text, sizeof text) == -1 && strstr(text, "no session") != NULL);

  holdfast_options options = {0};
  options.listen = "0.0.0.0:0";
  CHECK(holdfast_open(&options, text, sizeof text) == -1 && strstr(text, "refusing to listen") != NULL);
  CHECK(holdfast_open(&options, text, 5) == -1 && strlen(text) == 4);
  CHECK(holdfast_open(&options, NULL, 0) == -1);

  options.listen = "127.0.0.1:0";
  options.exact = 1;
  CHECK(holdfast_open(&options, text, sizeof text) == 0);
  CHECK(holdfast_open(NULL, text, sizeof text) == -1 && strstr(text, "already open") != NULL);
  CHECK(holdfast_address(text, sizeof text) == strlen(text) && strncmp(text, "http://127.0.0.1:", 17) == 0);
  CHECK(holdfast_address(text, 5) > 5 && strcmp(text, "http") == 0);
  void* volatile kept = malloc(12345);
  holdfast_add_work(1);
  CHECK(holdfast_write_heap_profile(argv[1], text, sizeof text) == 0);
  CHECK(holdfast_write_heap_profile("/nowhere/heap.pb.gz", text, sizeof text) == -1);

  CHECK(holdfast_handle(&request, &response) == 0 && response.status == 200 && response.body_size > 100);
  CHECK((unsigned char)response.body[0] == 0x1f && response.headers[0] != NULL);
  holdfast_free_response(&response);
  CHECK(response.body == NULL);
  const char* evil[] = {"Host", "shop", "Origin", "http://evil.example", NULL};
  request.headers = evil;
  CHECK(holdfast_handle(&request, &response) == 0 && response.status == 403);
  holdfast_free_response(&response);
  const char* form[] = {"Content-Type", "application/x-www-form-urlencoded", NULL};
  holdfast_request change = {"POST", "/debug/holdfast/recording", form, "on=0", 4};
  CHECK(holdfast_handle(&change, &response) == 0 && strstr(response.body, "\"recording\":false") != NULL);
  holdfast_free_response(&response);

  CHECK(holdfast_start() == 0);
  CHECK(holdfast_set_interval(65536) == 0);
  CHECK(holdfast_set_interval(0) == -1);
  CHECK(holdfast_stop() == 0);
  holdfast_close();
  holdfast_close();
  CHECK(holdfast_set_interval(65536) == -1);
  CHECK(holdfast_open(NULL, text, sizeof text) == 0);
  holdfast_close();
  free(kept);
  if (!failed) printf("%d checks\n", checks);
  return failed;
}
