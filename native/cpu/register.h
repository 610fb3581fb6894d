// The CPU backend's layer types. Each cpu/<op>.cpp holds its layer classes in an anonymous namespace and defines one
// function
//
//   void register_<op>(LayerRegistry& registry) {
//     registry["ReLU"] = [](LayerContext context) { return std::make_unique<ReLU>(std::move(context)); };
//   }
//
// declared here and called from register.cpp. No static initialisers: nothing depends on link order.
#pragma once

#include "engine/backend.h"

namespace olmp {

// Every layer type of the CPU backend. Data, Input and DummyData are sources: the net itself serves them.
LayerRegistry make_cpu_layer_registry();

// --- learnable and vision layers
void register_convolution(LayerRegistry& registry);
void register_deconvolution(LayerRegistry& registry);
void register_inner_product(LayerRegistry& registry);
void register_embed(LayerRegistry& registry);
void register_batch_norm(LayerRegistry& registry);
void register_scale(LayerRegistry& registry);
void register_bias(LayerRegistry& registry);
void register_prelu(LayerRegistry& registry);
void register_pooling(LayerRegistry& registry);
void register_lrn(LayerRegistry& registry);
void register_im2col(LayerRegistry& registry);
void register_spp(LayerRegistry& registry);

// --- neuron layers
void register_relu(LayerRegistry& registry);
void register_elu(LayerRegistry& registry);
void register_sigmoid(LayerRegistry& registry);
void register_tanh(LayerRegistry& registry);
void register_absval(LayerRegistry& registry);
void register_bnll(LayerRegistry& registry);
void register_power(LayerRegistry& registry);
void register_exp(LayerRegistry& registry);
void register_log(LayerRegistry& registry);
void register_swish(LayerRegistry& registry);
void register_clip(LayerRegistry& registry);
void register_threshold(LayerRegistry& registry);
void register_dropout(LayerRegistry& registry);

// --- shape and combination
void register_concat(LayerRegistry& registry);
void register_slice(LayerRegistry& registry);
void register_eltwise(LayerRegistry& registry);
void register_split(LayerRegistry& registry);
void register_flatten(LayerRegistry& registry);
void register_reshape(LayerRegistry& registry);
void register_reduction(LayerRegistry& registry);
void register_tile(LayerRegistry& registry);
void register_mvn(LayerRegistry& registry);
void register_silence(LayerRegistry& registry);
void register_crop(LayerRegistry& registry);

// --- output and losses
void register_softmax(LayerRegistry& registry);
void register_argmax(LayerRegistry& registry);
void register_accuracy(LayerRegistry& registry);
void register_softmax_with_loss(LayerRegistry& registry);
void register_sigmoid_cross_entropy_loss(LayerRegistry& registry);
void register_infogain_loss(LayerRegistry& registry);
void register_euclidean_loss(LayerRegistry& registry);
void register_hinge_loss(LayerRegistry& registry);
void register_contrastive_loss(LayerRegistry& registry);
void register_multinomial_logistic_loss(LayerRegistry& registry);

}  // namespace olmp
