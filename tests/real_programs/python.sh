# Python's own tests for memory, threads and fork, with every object taken from malloc. The verdict of each test case must
# be that of a bare run.
# usage: python.sh small|full FOLDER [WORDS TO START WITH...]
set -u
size=$1 folder=$2
shift 2
modules=(test_gc test_fork1 test_thread test_mmap test_memoryview)
if [ "$size" = full ]; then
  modules+=(test_tracemalloc test_weakref test_threading test_threading_local test_queue test_wait3 test_wait4 test_posix
    test_subprocess test_signal test_threadsignals test_multiprocessing_fork test_multiprocessing_spawn
    test_concurrent_futures test_array test_bytes test_bigmem test_ctypes test_buffer test_dict test_list test_json
    test_pickle test_re test_sqlite3 test_zlib test_bz2 test_lzma test_hashlib test_ssl test_asyncio test_capi
    test_embed test_faulthandler test_exceptions test_generators test_coroutines test_select test_selectors)
fi
for module in "${modules[@]}"; do
  cd "$folder"
  PYTHONMALLOC=malloc PYTHONHASHSEED=1 "$@" /usr/bin/python3 -X faulthandler -m test -v "$module" >log 2>&1
  grep -aE '^test[A-Za-z0-9_]* \(.*\.\.\. (ok|FAIL|ERROR|skipped|expected failure)' log |
    sed -E 's/(ok|FAIL|ERROR|skipped|expected failure).*/\1/' | sort
  grep -aE "^(== Tests result|Result|[0-9]+ tests? (OK|failed))" log | sed -E 's/ in .*//'
  grep -aE 'holdfast:' log >&2 || true
done
