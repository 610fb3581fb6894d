#include <memory>
#include <utility>

#include "cpu/register.h"
#include "cpu/reinterpretation.h"

namespace olmp {

void register_reshape(LayerRegistry& registry) {
  registry["Reshape"] = [](LayerContext context) { return std::make_unique<Reinterpretation>(std::move(context)); };
}

}  // namespace olmp
