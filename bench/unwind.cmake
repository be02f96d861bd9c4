find_package(benchmark REQUIRED)
add_executable(bench_unwind ${CMAKE_CURRENT_LIST_DIR}/unwind_bench.cc)
target_link_libraries(bench_unwind PRIVATE hf_unwind hf_flags benchmark::benchmark_main)
