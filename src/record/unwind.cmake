# The stack unwinder as a room of its own: the recorder links it, and its tests and benchmark need nothing else.
set(unwind_files unwind unwind_cfi unwind_choose unwind_expression unwind_memo unwind_memory unwind_program
    unwind_registers unwind_rows)
list(TRANSFORM unwind_files PREPEND ${CMAKE_CURRENT_LIST_DIR}/)
list(TRANSFORM unwind_files APPEND .cc)
holdfast_room(unwind SOURCES ${unwind_files})
