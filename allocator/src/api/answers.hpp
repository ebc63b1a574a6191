// Answers that several handlers give. For the sources of api/ only.
#pragma once

#include <boost/json/object.hpp>

#include "api/json_reader.hpp"
#include "http/message.hpp"

namespace gpuhub::api {

http::Response json_answer(int status, const boost::json::object& body);
// 400 with all faults: the first one in `detail`, each in `errors`.
http::Response bad_request(const JsonFaults& faults);

}  // namespace gpuhub::api
