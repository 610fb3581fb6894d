#include "cuda/cudnn.h"

namespace olmp::cuda {
namespace {

#ifdef _WIN32
const std::vector<std::string> kNames{"cudnn64_9.dll", "cudnn64_8.dll"};
#else
const std::vector<std::string> kNames{"libcudnn.so.9", "libcudnn.so.8"};
#endif

}  // namespace

Cudnn::Cudnn()
    : library(kNames,
              "Convolutions are slower without cuDNN: Debian and Ubuntu 'apt install nvidia-cudnn', NVIDIA's repository "
              "'apt install libcudnn9-cuda-13', or 'pip install nvidia-cudnn-cu12' with its lib folder in "
              "LD_LIBRARY_PATH.") {
  library.load(create, "cudnnCreate");
  library.load(destroy, "cudnnDestroy");
  library.load(set_stream, "cudnnSetStream");
  library.load(create_tensor, "cudnnCreateTensorDescriptor");
  library.load(destroy_tensor, "cudnnDestroyTensorDescriptor");
  library.load(set_tensor, "cudnnSetTensorNdDescriptor");
  library.load(create_filter, "cudnnCreateFilterDescriptor");
  library.load(destroy_filter, "cudnnDestroyFilterDescriptor");
  library.load(set_filter, "cudnnSetFilterNdDescriptor");
  library.load(create_convolution, "cudnnCreateConvolutionDescriptor");
  library.load(destroy_convolution, "cudnnDestroyConvolutionDescriptor");
  library.load(set_convolution, "cudnnSetConvolutionNdDescriptor");
  library.load(set_group_count, "cudnnSetConvolutionGroupCount");
  library.load(set_math_type, "cudnnSetConvolutionMathType");
  library.load(find_forward, "cudnnGetConvolutionForwardAlgorithm_v7");
  library.load(find_backward_weights, "cudnnGetConvolutionBackwardFilterAlgorithm_v7");
  library.load(find_backward_data, "cudnnGetConvolutionBackwardDataAlgorithm_v7");
  library.load(forward, "cudnnConvolutionForward");
  library.load(backward_weights, "cudnnConvolutionBackwardFilter");
  library.load(backward_data, "cudnnConvolutionBackwardData");
}

}  // namespace olmp::cuda
