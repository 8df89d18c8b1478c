// RUN: ROUNDTRIP

// CHECK-LABEL: @plane_mvu(
// CHECK-NEXT: stream.plane_mvu %{{.*}}, %{{.*}}, %{{.*}} {places = array<i64: 0, 1>, row_classes = array<i64: 0, 1>, column_classes = array<i64: 0, 0>}
func.func @plane_mvu(%x : !stream.stream<2, 2, 50, !blend.fixed<3, 3>, 10>, %w : tensor<4x1x2x!blend.word>, %b : tensor<4x2x1xi64>) {
  %r = stream.plane_mvu %x, %w, %b {places = array<i64: 0, 1>, row_classes = array<i64: 0, 1>, column_classes = array<i64: 0, 0>} : (!stream.stream<2, 2, 50, !blend.fixed<3, 3>, 10>, tensor<4x1x2x!blend.word>, tensor<4x2x1xi64>) -> !stream.stream<2, 2, 4, !blend.fixed<9, 9>, 2>
  func.return
}
