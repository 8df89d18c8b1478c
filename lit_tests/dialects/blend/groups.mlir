// RUN: ROUNDTRIP

// CHECK-LABEL: @groups(
// CHECK-NEXT: blend.conv2d %{{.*}}, %{{.*}}, %{{.*}} {groups = 2 : i64, strides = array<i64: 1, 1>, padding = array<i64: 0, 0>} : (tensor<1x4x4x4xf64>, tensor<6x2x3x3xf64>, tensor<6xf64>) -> tensor<1x6x2x2xf64>
func.func @groups(%x : tensor<1x4x4x4xf64>, %w : tensor<6x2x3x3xf64>, %b : tensor<6xf64>) {
  %r = blend.conv2d %x, %w, %b {groups = 2 : i64, strides = array<i64: 1, 1>, padding = array<i64: 0, 0>} : (tensor<1x4x4x4xf64>, tensor<6x2x3x3xf64>, tensor<6xf64>) -> tensor<1x6x2x2xf64>
  func.return
}

// CHECK-LABEL: @words(
// CHECK-NEXT: blend.packed_binary_conv2d %{{.*}}, %{{.*}} {groups = 2 : i64, channels = 1 : i64, lanes = array<i64: 0, 48>, strides = array<i64: 1, 1>, padding = array<i64: 0, 0>}
func.func @words(%x : tensor<1x2x4x4x!blend.word>, %w : tensor<2x2x3x3x!blend.word>) {
  %r = blend.packed_binary_conv2d %x, %w {groups = 2 : i64, channels = 1 : i64, lanes = array<i64: 0, 48>, strides = array<i64: 1, 1>, padding = array<i64: 0, 0>} : (tensor<1x2x4x4x!blend.word>, tensor<2x2x3x3x!blend.word>) -> tensor<1x2x2x2xi32>
  func.return
}
