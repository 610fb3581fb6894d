#include "cpu/register.h"

namespace olmp {

LayerRegistry make_cpu_layer_registry() {
  LayerRegistry registry;
  for (const auto add : {
           register_convolution, register_deconvolution, register_inner_product, register_embed, register_batch_norm,
           register_scale, register_bias, register_prelu, register_pooling, register_lrn, register_im2col, register_spp,
           //
           register_relu, register_elu, register_sigmoid, register_tanh, register_absval, register_bnll, register_power,
           register_exp, register_log, register_swish, register_clip, register_threshold, register_dropout,
           //
           register_concat, register_slice, register_eltwise, register_split, register_flatten, register_reshape,
           register_reduction, register_tile, register_mvn, register_silence, register_crop,
           //
           register_softmax, register_argmax, register_accuracy, register_softmax_with_loss,
           register_sigmoid_cross_entropy_loss, register_infogain_loss, register_euclidean_loss, register_hinge_loss,
           register_contrastive_loss, register_multinomial_logistic_loss,
       }) {
    add(registry);
  }
  return registry;
}

}  // namespace olmp
