// Caffe's LayerParameter and the parameter messages of its layers (field numbers: caffe.proto of BVLC/caffe).
// cconvolution_param and cinner_product_param come from the Dynamic Network Surgery and OLMP forks, which number them
// 140 and 141; BVLC gave those numbers to elu_param and bias_param. They get free numbers here: in text files only the
// name counts, and binary files are read for names, types and blobs alone (caffemodel.ts).

export const layerSchema = `
syntax = "proto2";
package caffe;

message LayerParameter {
  optional string name = 1;
  optional string type = 2;
  repeated string bottom = 3;
  repeated string top = 4;
  optional Phase phase = 10;
  repeated float loss_weight = 5;
  repeated ParamSpec param = 6;
  repeated BlobProto blobs = 7;
  repeated bool propagate_down = 11;
  repeated NetStateRule include = 8;
  repeated NetStateRule exclude = 9;
  optional TransformationParameter transform_param = 100;
  optional LossParameter loss_param = 101;
  optional AccuracyParameter accuracy_param = 102;
  optional ArgMaxParameter argmax_param = 103;
  optional ConcatParameter concat_param = 104;
  optional ContrastiveLossParameter contrastive_loss_param = 105;
  optional ConvolutionParameter convolution_param = 106;
  optional DataParameter data_param = 107;
  optional DropoutParameter dropout_param = 108;
  optional DummyDataParameter dummy_data_param = 109;
  optional EltwiseParameter eltwise_param = 110;
  optional ExpParameter exp_param = 111;
  optional HDF5DataParameter hdf5_data_param = 112;
  optional HDF5OutputParameter hdf5_output_param = 113;
  optional HingeLossParameter hinge_loss_param = 114;
  optional ImageDataParameter image_data_param = 115;
  optional InfogainLossParameter infogain_loss_param = 116;
  optional InnerProductParameter inner_product_param = 117;
  optional LRNParameter lrn_param = 118;
  optional MemoryDataParameter memory_data_param = 119;
  optional MVNParameter mvn_param = 120;
  optional PoolingParameter pooling_param = 121;
  optional PowerParameter power_param = 122;
  optional ReLUParameter relu_param = 123;
  optional SigmoidParameter sigmoid_param = 124;
  optional SoftmaxParameter softmax_param = 125;
  optional SliceParameter slice_param = 126;
  optional TanHParameter tanh_param = 127;
  optional ThresholdParameter threshold_param = 128;
  optional WindowDataParameter window_data_param = 129;
  optional PythonParameter python_param = 130;
  optional PReLUParameter prelu_param = 131;
  optional SPPParameter spp_param = 132;
  optional ReshapeParameter reshape_param = 133;
  optional LogParameter log_param = 134;
  optional FlattenParameter flatten_param = 135;
  optional ReductionParameter reduction_param = 136;
  optional EmbedParameter embed_param = 137;
  optional TileParameter tile_param = 138;
  optional BatchNormParameter batch_norm_param = 139;
  optional ELUParameter elu_param = 140;
  optional BiasParameter bias_param = 141;
  optional ScaleParameter scale_param = 142;
  optional InputParameter input_param = 143;
  optional CropParameter crop_param = 144;
  optional ParameterParameter parameter_param = 145;
  optional RecurrentParameter recurrent_param = 146;
  optional SwishParameter swish_param = 147;
  optional ClipParameter clip_param = 148;
  optional MaskParameter cconvolution_param = 50140;
  optional MaskParameter cinner_product_param = 50141;
}

message TransformationParameter {
  optional float scale = 1;
  optional bool mirror = 2;
  optional uint32 crop_size = 3;
  optional string mean_file = 4;
  repeated float mean_value = 5;
  optional bool force_color = 6;
  optional bool force_gray = 7;
}

message LossParameter {
  optional int32 ignore_label = 1;
  enum NormalizationMode { FULL = 0; VALID = 1; BATCH_SIZE = 2; NONE = 3; }
  optional NormalizationMode normalization = 3;
  optional bool normalize = 2;
}

message AccuracyParameter {
  optional uint32 top_k = 1;
  optional int32 axis = 2;
  optional int32 ignore_label = 3;
}

message ArgMaxParameter {
  optional bool out_max_val = 1;
  optional uint32 top_k = 2;
  optional int32 axis = 3;
}

message ClipParameter {
  required float min = 1;
  required float max = 2;
}

message ConcatParameter {
  optional int32 axis = 2;
  optional uint32 concat_dim = 1;
}

message BatchNormParameter {
  optional bool use_global_stats = 1;
  optional float moving_average_fraction = 2;
  optional float eps = 3;
}

message BiasParameter {
  optional int32 axis = 1;
  optional int32 num_axes = 2;
  optional FillerParameter filler = 3;
}

message ContrastiveLossParameter {
  optional float margin = 1;
  optional bool legacy_version = 2;
}

enum Engine { DEFAULT = 0; CAFFE = 1; CUDNN = 2; }

message ConvolutionParameter {
  optional uint32 num_output = 1;
  optional bool bias_term = 2;
  repeated uint32 pad = 3;
  repeated uint32 kernel_size = 4;
  repeated uint32 stride = 6;
  repeated uint32 dilation = 18;
  optional uint32 pad_h = 9;
  optional uint32 pad_w = 10;
  optional uint32 kernel_h = 11;
  optional uint32 kernel_w = 12;
  optional uint32 stride_h = 13;
  optional uint32 stride_w = 14;
  optional uint32 group = 5;
  optional FillerParameter weight_filler = 7;
  optional FillerParameter bias_filler = 8;
  optional Engine engine = 15;
  optional int32 axis = 16;
  optional bool force_nd_im2col = 17;
}

message MaskParameter {
  optional float gamma = 1;
  optional float power = 2;
  optional float iter_stop = 3;
  optional float c_rate = 4;
  optional FillerParameter weight_mask_filler = 5;
  optional FillerParameter bias_mask_filler = 6;
}

message CropParameter {
  optional int32 axis = 1;
  repeated uint32 offset = 2;
}

message DataParameter {
  enum DB { LEVELDB = 0; LMDB = 1; }
  optional string source = 1;
  optional uint32 batch_size = 4;
  optional uint32 rand_skip = 7;
  optional DB backend = 8;
  optional float scale = 2;
  optional string mean_file = 3;
  optional uint32 crop_size = 5;
  optional bool mirror = 6;
  optional bool force_encoded_color = 9;
  optional uint32 prefetch = 10;
}

message DropoutParameter { optional float dropout_ratio = 1; }

message DummyDataParameter {
  repeated FillerParameter data_filler = 1;
  repeated BlobShape shape = 6;
  repeated uint32 num = 2;
  repeated uint32 channels = 3;
  repeated uint32 height = 4;
  repeated uint32 width = 5;
}

message EltwiseParameter {
  enum EltwiseOp { PROD = 0; SUM = 1; MAX = 2; }
  optional EltwiseOp operation = 1;
  repeated float coeff = 2;
  optional bool stable_prod_grad = 3;
}

message ELUParameter { optional float alpha = 1; }

message EmbedParameter {
  optional uint32 num_output = 1;
  optional uint32 input_dim = 2;
  optional bool bias_term = 3;
  optional FillerParameter weight_filler = 4;
  optional FillerParameter bias_filler = 5;
}

message ExpParameter {
  optional float base = 1;
  optional float scale = 2;
  optional float shift = 3;
}

message FlattenParameter {
  optional int32 axis = 1;
  optional int32 end_axis = 2;
}

message HDF5DataParameter {
  optional string source = 1;
  optional uint32 batch_size = 2;
  optional bool shuffle = 3;
}

message HDF5OutputParameter { optional string file_name = 1; }

message HingeLossParameter {
  enum Norm { L1 = 1; L2 = 2; }
  optional Norm norm = 1;
}

message ImageDataParameter {
  optional string source = 1;
  optional uint32 batch_size = 4;
  optional uint32 rand_skip = 7;
  optional bool shuffle = 8;
  optional uint32 new_height = 9;
  optional uint32 new_width = 10;
  optional bool is_color = 11;
  optional float scale = 2;
  optional string mean_file = 3;
  optional uint32 crop_size = 5;
  optional bool mirror = 6;
  optional string root_folder = 12;
}

message InfogainLossParameter {
  optional string source = 1;
  optional int32 axis = 2;
}

message InnerProductParameter {
  optional uint32 num_output = 1;
  optional bool bias_term = 2;
  optional FillerParameter weight_filler = 3;
  optional FillerParameter bias_filler = 4;
  optional int32 axis = 5;
  optional bool transpose = 6;
}

message InputParameter { repeated BlobShape shape = 1; }

message LogParameter {
  optional float base = 1;
  optional float scale = 2;
  optional float shift = 3;
}

message LRNParameter {
  optional uint32 local_size = 1;
  optional float alpha = 2;
  optional float beta = 3;
  enum NormRegion { ACROSS_CHANNELS = 0; WITHIN_CHANNEL = 1; }
  optional NormRegion norm_region = 4;
  optional float k = 5;
  optional Engine engine = 6;
}

message MemoryDataParameter {
  optional uint32 batch_size = 1;
  optional uint32 channels = 2;
  optional uint32 height = 3;
  optional uint32 width = 4;
}

message MVNParameter {
  optional bool normalize_variance = 1;
  optional bool across_channels = 2;
  optional float eps = 3;
}

message ParameterParameter { optional BlobShape shape = 1; }

message PoolingParameter {
  enum PoolMethod { MAX = 0; AVE = 1; STOCHASTIC = 2; }
  optional PoolMethod pool = 1;
  optional uint32 pad = 4;
  optional uint32 pad_h = 9;
  optional uint32 pad_w = 10;
  optional uint32 kernel_size = 2;
  optional uint32 kernel_h = 5;
  optional uint32 kernel_w = 6;
  optional uint32 stride = 3;
  optional uint32 stride_h = 7;
  optional uint32 stride_w = 8;
  optional Engine engine = 11;
  optional bool global_pooling = 12;
  enum RoundMode { CEIL = 0; FLOOR = 1; }
  optional RoundMode round_mode = 13;
}

message PowerParameter {
  optional float power = 1;
  optional float scale = 2;
  optional float shift = 3;
}

message PReLUParameter {
  optional FillerParameter filler = 1;
  optional bool channel_shared = 2;
}

message PythonParameter {
  optional string module = 1;
  optional string layer = 2;
  optional string param_str = 3;
  optional bool share_in_parallel = 4;
}

message RecurrentParameter {
  optional uint32 num_output = 1;
  optional FillerParameter weight_filler = 2;
  optional FillerParameter bias_filler = 3;
  optional bool debug_info = 4;
  optional bool expose_hidden = 5;
}

message ReductionParameter {
  enum ReductionOp { SUM = 1; ASUM = 2; SUMSQ = 3; MEAN = 4; }
  optional ReductionOp operation = 1;
  optional int32 axis = 2;
  optional float coeff = 3;
}

message ReLUParameter {
  optional float negative_slope = 1;
  optional Engine engine = 2;
}

message ReshapeParameter {
  optional BlobShape shape = 1;
  optional int32 axis = 2;
  optional int32 num_axes = 3;
}

message ScaleParameter {
  optional int32 axis = 1;
  optional int32 num_axes = 2;
  optional FillerParameter filler = 3;
  optional bool bias_term = 4;
  optional FillerParameter bias_filler = 5;
}

message SigmoidParameter { optional Engine engine = 1; }

message SliceParameter {
  optional int32 axis = 3;
  repeated uint32 slice_point = 2;
  optional uint32 slice_dim = 1;
}

message SoftmaxParameter {
  optional Engine engine = 1;
  optional int32 axis = 2;
}

message SPPParameter {
  enum PoolMethod { MAX = 0; AVE = 1; STOCHASTIC = 2; }
  optional uint32 pyramid_height = 1;
  optional PoolMethod pool = 2;
  optional Engine engine = 6;
}

message SwishParameter { optional float beta = 1; }

message TanHParameter { optional Engine engine = 1; }

message ThresholdParameter { optional float threshold = 1; }

message TileParameter {
  optional int32 axis = 1;
  optional int32 tiles = 2;
}

message WindowDataParameter {
  optional string source = 1;
  optional float scale = 2;
  optional string mean_file = 3;
  optional uint32 batch_size = 4;
  optional uint32 crop_size = 5;
  optional bool mirror = 6;
  optional float fg_threshold = 7;
  optional float bg_threshold = 8;
  optional float fg_fraction = 9;
  optional uint32 context_pad = 10;
  optional string crop_mode = 11;
  optional bool cache_images = 12;
  optional string root_folder = 13;
}
`
