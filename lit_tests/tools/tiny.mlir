// A small network that the other tests share; printing it twice changes nothing.
// RUN: blendir-opt %s | blendir-opt | filecheck %s

// CHECK: blend.threshold
// CHECK: blend.binary_conv2d
// CHECK: blend.affine
func.func @main(%x: tensor<1x2x4x4xui8>) -> tensor<1x3x4x4xf64> {
  %limit = blend.constant dense<[100, 200]> : tensor<2xi64>
  %invert = blend.constant dense<[false, true]> : tensor<2xi1>
  %bits = blend.threshold %x, %limit, %invert {layer = "sign"} : (tensor<1x2x4x4xui8>, tensor<2xi64>, tensor<2xi1>) -> tensor<1x2x4x4xi1>
  %weight = blend.constant dense<[[[[true]], [[false]]], [[[true]], [[true]]], [[[false]], [[false]]]]> : tensor<3x2x1x1xi1>
  %sum = blend.binary_conv2d %bits, %weight {strides = array<i64: 1, 1>, padding = array<i64: 0, 0>, layer = "conv"} : (tensor<1x2x4x4xi1>, tensor<3x2x1x1xi1>) -> tensor<1x3x4x4xi32>
  %center = blend.constant dense<0.0> : tensor<3xf64>
  %scale = blend.constant dense<[1.0, 0.5, 0.25]> : tensor<3xf64>
  %y = blend.affine %sum, %center, %scale, %center {layer = "scale"} : (tensor<1x3x4x4xi32>, tensor<3xf64>, tensor<3xf64>, tensor<3xf64>) -> tensor<1x3x4x4xf64>
  func.return %y : tensor<1x3x4x4xf64>
}
