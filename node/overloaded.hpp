#pragma once

// Lambdas as one visitor: std::visit(Overloaded{[](A) {...}, [](B) {...}}, variant).

namespace cip::node {

template <typename... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};
template <typename... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

}  // namespace cip::node
