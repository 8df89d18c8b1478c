// RUN: ROUNDTRIP

// CHECK-LABEL: @round(
// CHECK-NEXT: blend.round %{{.*}} {layer = "act"} : tensor<1x2x4x4xf64>
func.func @round(%x : tensor<1x2x4x4xf64>) {
  %r = blend.round %x {layer = "act"} : tensor<1x2x4x4xf64>
  func.return
}

// CHECK-LABEL: @multi_threshold(
// CHECK-NEXT: blend.multi_threshold %{{.*}}, %{{.*}}, %{{.*}} {lowest = -3 : i64, step = 2 : i64} : (tensor<1x2x4x4xi32>, tensor<2x3xi64>, tensor<2xi1>) -> tensor<1x2x4x4x!blend.fixed<3, 3>>
func.func @multi_threshold(%x : tensor<1x2x4x4xi32>, %t : tensor<2x3xi64>, %i : tensor<2xi1>) {
  %r = blend.multi_threshold %x, %t, %i {lowest = -3 : i64, step = 2 : i64} : (tensor<1x2x4x4xi32>, tensor<2x3xi64>, tensor<2xi1>) -> tensor<1x2x4x4x!blend.fixed<3, 3>>
  func.return
}

// CHECK-LABEL: @take(
// CHECK-NEXT: blend.take %{{.*}} {indices = array<i64: 1, -1, 0>} : (tensor<1x2x4x4xui8>) -> tensor<1x3x4x4xui8>
// CHECK-NEXT: blend.take %{{.*}} {indices = array<i64: 0, 0>, axis = 3 : i64} : (tensor<1x2x4x4xui8>) -> tensor<1x2x4x2xui8>
func.func @take(%x : tensor<1x2x4x4xui8>) {
  %r = blend.take %x {indices = array<i64: 1, -1, 0>} : (tensor<1x2x4x4xui8>) -> tensor<1x3x4x4xui8>
  %s = blend.take %x {indices = array<i64: 0, 0>, axis = 3 : i64} : (tensor<1x2x4x4xui8>) -> tensor<1x2x4x2xui8>
  func.return
}
