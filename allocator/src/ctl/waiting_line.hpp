// What somebody who waits for a GPU sees on stderr: on a terminal one line that is written anew,
// else (in a log) a line whenever the place in the queue is another.
#pragma once

#include <boost/json/fwd.hpp>
#include <string>

namespace gpuhub::ctl {

class WaitingLine {
 public:
  WaitingLine();                       // stderr as it is now
  ~WaitingLine();                      // leaves no line behind
  WaitingLine(const WaitingLine&) = delete;
  WaitingLine& operator=(const WaitingLine&) = delete;

  void show(const boost::json::value& lease);   // a queued one
  void say(const std::string& words);           // something else that is going on

 private:
  void write(std::string words, const std::string& subject);
  bool terminal_;
  std::string shown_;                  // words on a terminal, else the subject of the last line
};

}  // namespace gpuhub::ctl
