// RUN: blendir-opt %s --remap-padding | filecheck %s

// CHECK-LABEL: @batch_norm_before_a_padded_conv(
// CHECK-NOT: = blend.batch_norm
// CHECK: blend.conv2d %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} {
func.func @batch_norm_before_a_padded_conv(%x : tensor<1x2x4x4xf64>) -> tensor<1x2x4x4xf64> {
  %w = blend.constant dense<1.0> : tensor<2x2x3x3xf64>
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %two = blend.constant dense<2.0> : tensor<2xf64>
  %zero = blend.constant dense<0.0> : tensor<2xf64>
  %n = blend.batch_norm %x, %two, %zero, %one, %one {epsilon = 0.0 : f64} : (tensor<1x2x4x4xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2x4x4xf64>
  %y = blend.conv2d %n, %w, %zero {strides = array<i64: 1, 1>, padding = array<i64: 1, 1>} : (tensor<1x2x4x4xf64>, tensor<2x2x3x3xf64>, tensor<2xf64>) -> tensor<1x2x4x4xf64>
  func.return %y : tensor<1x2x4x4xf64>
}

// CHECK-LABEL: @pixel_pad(
// CHECK: %[[P:.*]] = blend.constant dense<1.000000e+02> : tensor<2xf64>
// CHECK: blend.conv2d %{{.*}}, %{{.*}}, %{{.*}}, %[[P]] {
func.func @pixel_pad(%x : tensor<1x2x4x4xui8>) -> tensor<1x2x4x4xf64> {
  %w = blend.constant dense<1.0> : tensor<2x2x3x3xf64>
  %two = blend.constant dense<2.0> : tensor<2xf64>
  %zero = blend.constant dense<0.0> : tensor<2xf64>
  %m = blend.constant dense<100.0> : tensor<2xf64>
  %a = blend.affine %x, %m, %two, %zero : (tensor<1x2x4x4xui8>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2x4x4xf64>
  %y = blend.conv2d %a, %w, %zero {strides = array<i64: 1, 1>, padding = array<i64: 1, 1>} : (tensor<1x2x4x4xf64>, tensor<2x2x3x3xf64>, tensor<2xf64>) -> tensor<1x2x4x4xf64>
  func.return %y : tensor<1x2x4x4xf64>
}

// CHECK-LABEL: @fractional_pixel_pad(
// CHECK: blend.conv2d {{.*}} tensor<2x3x3xf64>) ->
func.func @fractional_pixel_pad(%x : tensor<1x2x4x4xui8>) -> tensor<1x2x4x4xf64> {
  %w = blend.constant dense<1.0> : tensor<2x2x3x3xf64>
  %two = blend.constant dense<2.0> : tensor<2xf64>
  %zero = blend.constant dense<0.0> : tensor<2xf64>
  %m = blend.constant dense<100.5> : tensor<2xf64>
  %a = blend.affine %x, %m, %two, %zero : (tensor<1x2x4x4xui8>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2x4x4xf64>
  %y = blend.conv2d %a, %w, %zero {strides = array<i64: 1, 1>, padding = array<i64: 1, 1>} : (tensor<1x2x4x4xf64>, tensor<2x2x3x3xf64>, tensor<2xf64>) -> tensor<1x2x4x4xf64>
  func.return %y : tensor<1x2x4x4xf64>
}

// CHECK-LABEL: @pixel_pad_out_of_range(
// CHECK: blend.conv2d {{.*}} tensor<2x3x3xf64>) ->
func.func @pixel_pad_out_of_range(%x : tensor<1x2x4x4xui8>) -> tensor<1x2x4x4xf64> {
  %w = blend.constant dense<1.0> : tensor<2x2x3x3xf64>
  %two = blend.constant dense<2.0> : tensor<2xf64>
  %zero = blend.constant dense<0.0> : tensor<2xf64>
  %m = blend.constant dense<256.0> : tensor<2xf64>
  %a = blend.affine %x, %m, %two, %zero : (tensor<1x2x4x4xui8>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2x4x4xf64>
  %y = blend.conv2d %a, %w, %zero {strides = array<i64: 1, 1>, padding = array<i64: 1, 1>} : (tensor<1x2x4x4xf64>, tensor<2x2x3x3xf64>, tensor<2xf64>) -> tensor<1x2x4x4xf64>
  func.return %y : tensor<1x2x4x4xf64>
}

// CHECK-LABEL: @zero_gamma(
// CHECK: blend.conv2d {{.*}} tensor<2x3x3xf64>) ->
func.func @zero_gamma(%x : tensor<1x2x4x4xf64>) -> tensor<1x2x4x4xf64> {
  %w = blend.constant dense<1.0> : tensor<2x2x3x3xf64>
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %zero = blend.constant dense<0.0> : tensor<2xf64>
  %n = blend.batch_norm %x, %zero, %one, %one, %one {epsilon = 0.0 : f64} : (tensor<1x2x4x4xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2x4x4xf64>
  %y = blend.conv2d %n, %w, %zero {strides = array<i64: 1, 1>, padding = array<i64: 1, 1>} : (tensor<1x2x4x4xf64>, tensor<2x2x3x3xf64>, tensor<2xf64>) -> tensor<1x2x4x4xf64>
  func.return %y : tensor<1x2x4x4xf64>
}

// CHECK-LABEL: @unpadded(
// CHECK: blend.conv2d %{{.*}}, %{{.*}}, %{{.*}} {
func.func @unpadded(%x : tensor<1x2x4x4xf64>) -> tensor<1x2x2x2xf64> {
  %w = blend.constant dense<1.0> : tensor<2x2x3x3xf64>
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %two = blend.constant dense<2.0> : tensor<2xf64>
  %zero = blend.constant dense<0.0> : tensor<2xf64>
  %n = blend.batch_norm %x, %two, %zero, %one, %one {epsilon = 0.0 : f64} : (tensor<1x2x4x4xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2x4x4xf64>
  %y = blend.conv2d %n, %w, %zero {strides = array<i64: 1, 1>, padding = array<i64: 0, 0>} : (tensor<1x2x4x4xf64>, tensor<2x2x3x3xf64>, tensor<2xf64>) -> tensor<1x2x2x2xf64>
  func.return %y : tensor<1x2x2x2xf64>
}

// CHECK-LABEL: @only_before_convolutions(
// CHECK: %[[Y:.*]] = blend.conv2d
// CHECK: blend.batch_norm %[[Y]]
func.func @only_before_convolutions(%x : tensor<1x2x4x4xf64>) -> tensor<1x2x4x4xf64> {
  %w = blend.constant dense<1.0> : tensor<2x2x3x3xf64>
  %one = blend.constant dense<1.0> : tensor<2xf64>
  %two = blend.constant dense<2.0> : tensor<2xf64>
  %zero = blend.constant dense<0.0> : tensor<2xf64>
  %y = blend.conv2d %x, %w, %zero {strides = array<i64: 1, 1>, padding = array<i64: 1, 1>} : (tensor<1x2x4x4xf64>, tensor<2x2x3x3xf64>, tensor<2xf64>) -> tensor<1x2x4x4xf64>
  %n = blend.batch_norm %y, %two, %zero, %one, %one {epsilon = 0.0 : f64} : (tensor<1x2x4x4xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2x4x4xf64>
  func.return %n : tensor<1x2x4x4xf64>
}
