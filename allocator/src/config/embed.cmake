# embed_text(FILE NAME NAMESPACE HEADER): makes HEADER with FILE's text as NAMESPACE::NAME.
function(embed_text file name namespace header)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  file(READ ${file} EMBED_TEXT)
  set(EMBED_NAME ${name})
  set(EMBED_NAMESPACE ${namespace})
  get_filename_component(EMBED_FILE ${file} NAME)
  configure_file(${CMAKE_SOURCE_DIR}/src/config/text.hpp.in ${header} @ONLY)
endfunction()
