// Caffe's wire and text format: blobs, nets, solvers, snapshots (field numbers: caffe.proto of BVLC/caffe).
// Integer fields are int64 where 64-bit values are met in practice (blob dimensions, seeds).

export const coreSchema = `
syntax = "proto2";
package caffe;

message BlobShape { repeated int64 dim = 1 [packed = true]; }

message BlobProto {
  optional BlobShape shape = 7;
  repeated float data = 5 [packed = true];
  repeated float diff = 6 [packed = true];
  repeated double double_data = 8 [packed = true];
  repeated double double_diff = 9 [packed = true];
  optional int32 num = 1;
  optional int32 channels = 2;
  optional int32 height = 3;
  optional int32 width = 4;
}

message Datum {
  optional int32 channels = 1;
  optional int32 height = 2;
  optional int32 width = 3;
  optional bytes data = 4;
  optional int32 label = 5;
  repeated float float_data = 6;
  optional bool encoded = 7;
}

message FillerParameter {
  optional string type = 1;
  optional float value = 2;
  optional float min = 3;
  optional float max = 4;
  optional float mean = 5;
  optional float std = 6;
  optional int32 sparse = 7;
  enum VarianceNorm { FAN_IN = 0; FAN_OUT = 1; AVERAGE = 2; }
  optional VarianceNorm variance_norm = 8;
}

message NetParameter {
  optional string name = 1;
  repeated string input = 3;
  repeated BlobShape input_shape = 8;
  repeated int32 input_dim = 4;
  optional bool force_backward = 5;
  optional NetState state = 6;
  optional bool debug_info = 7;
  repeated LayerParameter layer = 100;
  repeated V1LayerParameter layers = 2;
}

enum Phase { TRAIN = 0; TEST = 1; }

message NetState {
  optional Phase phase = 1;
  optional int32 level = 2;
  repeated string stage = 3;
}

message NetStateRule {
  optional Phase phase = 1;
  optional int32 min_level = 2;
  optional int32 max_level = 3;
  repeated string stage = 4;
  repeated string not_stage = 5;
}

message SolverParameter {
  optional string net = 24;
  optional NetParameter net_param = 25;
  optional string train_net = 1;
  repeated string test_net = 2;
  optional NetParameter train_net_param = 21;
  repeated NetParameter test_net_param = 22;
  optional NetState train_state = 26;
  repeated NetState test_state = 27;
  repeated int32 test_iter = 3;
  optional int32 test_interval = 4;
  optional bool test_compute_loss = 19;
  optional bool test_initialization = 32;
  optional float base_lr = 5;
  optional int32 display = 6;
  optional int32 average_loss = 33;
  optional int32 max_iter = 7;
  optional int32 iter_size = 36;
  optional string lr_policy = 8;
  optional float gamma = 9;
  optional float power = 10;
  optional float momentum = 11;
  optional float weight_decay = 12;
  optional string regularization_type = 29;
  optional int32 stepsize = 13;
  repeated int32 stepvalue = 34;
  optional float clip_gradients = 35;
  optional int32 snapshot = 14;
  optional string snapshot_prefix = 15;
  optional bool snapshot_diff = 16;
  enum SnapshotFormat { HDF5 = 0; BINARYPROTO = 1; }
  optional SnapshotFormat snapshot_format = 37;
  enum SolverMode { CPU = 0; GPU = 1; }
  optional SolverMode solver_mode = 17;
  optional int32 device_id = 18;
  optional int64 random_seed = 20;
  optional string type = 40;
  optional float delta = 31;
  optional float momentum2 = 39;
  optional float rms_decay = 38;
  optional bool debug_info = 23;
  optional bool snapshot_after_train = 28;
  enum SolverType { SGD = 0; NESTEROV = 1; ADAGRAD = 2; RMSPROP = 3; ADADELTA = 4; ADAM = 5; }
  optional SolverType solver_type = 30;
  optional bool layer_wise_reduce = 41;
  repeated string weights = 42;
}

message SolverState {
  optional int32 iter = 1;
  optional string learned_net = 2;
  repeated BlobProto history = 3;
  optional int32 current_step = 4;
}

message ParamSpec {
  optional string name = 1;
  optional DimCheckMode share_mode = 2;
  enum DimCheckMode { STRICT = 0; PERMISSIVE = 1; }
  optional float lr_mult = 3;
  optional float decay_mult = 4;
}
`
