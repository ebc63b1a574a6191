// Boost.JSON compiled in: the simulated library must depend on nothing but libc.
#include <boost/json/src.hpp>
