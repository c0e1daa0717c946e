# Run by `cmake --install`: what is installed carries no debug information. The program's lies in a file of its own that
# the program names (.gnu_debuglink), libraries give theirs up.

# Makes `debug` from `program`, unless it is there and newer.
function(cip_extract_debug program debug)
  if(EXISTS ${debug} AND ${debug} IS_NEWER_THAN ${program})
    return()
  endif()
  # Two installations at once each write their own and rename it.
  string(RANDOM LENGTH 12 suffix)
  execute_process(COMMAND ${CIP_OBJCOPY} --only-keep-debug --compress-debug-sections ${program} ${debug}.${suffix}
                  COMMAND_ERROR_IS_FATAL ANY)
  file(RENAME ${debug}.${suffix} ${debug})
endfunction()

function(cip_strip_program installed debug)
  execute_process(COMMAND ${CIP_STRIP} ${installed} COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND ${CIP_OBJCOPY} --add-gnu-debuglink=${debug} ${installed} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

function(cip_strip_library installed)
  execute_process(COMMAND ${CIP_STRIP} --strip-debug --enable-deterministic-archives ${installed} COMMAND_ERROR_IS_FATAL ANY)
endfunction()
