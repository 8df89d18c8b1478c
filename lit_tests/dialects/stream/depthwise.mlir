// RUN: ROUNDTRIP

// CHECK-LABEL: @fixed(
// CHECK-NEXT: stream.depthwise_mvu %{{.*}}, %{{.*}}, %{{.*}} {row_classes = array<i64: 0>, column_classes = array<i64: 0, 0>} : (!stream.stream<1, 2, 12, !blend.fixed<8, 4>, 6>, tensor<3x4x!blend.fixed<8, 2>>, tensor<3x1x1x!blend.fixed<16, 6>>) -> !stream.stream<1, 2, 3, !blend.fixed<8, 4>, 3>
func.func @fixed(%x : !stream.stream<1, 2, 12, !blend.fixed<8, 4>, 6>, %w : tensor<3x4x!blend.fixed<8, 2>>, %b : tensor<3x1x1x!blend.fixed<16, 6>>) {
  %r = stream.depthwise_mvu %x, %w, %b {row_classes = array<i64: 0>, column_classes = array<i64: 0, 0>} : (!stream.stream<1, 2, 12, !blend.fixed<8, 4>, 6>, tensor<3x4x!blend.fixed<8, 2>>, tensor<3x1x1x!blend.fixed<16, 6>>) -> !stream.stream<1, 2, 3, !blend.fixed<8, 4>, 3>
  func.return
}

// CHECK-LABEL: @bits(
// CHECK-NEXT: stream.depthwise_mvu %{{.*}}, %{{.*}}, %{{.*}} {row_classes = array<i64: 0>, column_classes = array<i64: 0, 1>}
func.func @bits(%x : !stream.stream<1, 2, 12, i1, 3>, %w : tensor<3x4xi1>, %b : tensor<3x1x2xi64>) {
  %r = stream.depthwise_mvu %x, %w, %b {row_classes = array<i64: 0>, column_classes = array<i64: 0, 1>} : (!stream.stream<1, 2, 12, i1, 3>, tensor<3x4xi1>, tensor<3x1x2xi64>) -> !stream.stream<1, 2, 3, si4, 3>
  func.return
}
