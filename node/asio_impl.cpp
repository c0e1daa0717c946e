// The one source that holds Asio's bodies (ASIO_SEPARATE_COMPILATION).
#include <asio/impl/src.hpp>
