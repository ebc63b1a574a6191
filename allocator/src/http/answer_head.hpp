// The heads of answers as bytes. For the sources of http/ only; no Beast here.
#pragma once

#include <string>

#include "http/message.hpp"

namespace gpuhub::http {

struct AnswerForm {
  bool http_1_0 = false;
  bool head_only = false;   // to HEAD: what the body would be, without it
  bool keep_alive = true;
};

// False: the answer ends with its head.
bool carries_body(const Response& response, const AnswerForm& form);
// Appends the head; where there is a body it follows.
void append_head(std::string& to, const Response& response, const AnswerForm& form);
// Appends the head of a body that goes on: in chunks, or in HTTP/1.0 until the connection ends.
void append_stream_head(std::string& to, const Response& head, const AnswerForm& form);

}  // namespace gpuhub::http
