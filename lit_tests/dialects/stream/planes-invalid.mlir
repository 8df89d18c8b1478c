// RUN: VERIFY_DIAG

// CHECK: places [0, 3] are not ascending bits of 3
func.func @places(%x : !stream.stream<1, 2, 50, !blend.fixed<3, 3>, 10>, %w : tensor<4x1x2x!blend.word>, %b : tensor<4x1x1xi64>) {
  %r = stream.plane_mvu %x, %w, %b {places = array<i64: 0, 3>, row_classes = array<i64: 0>, column_classes = array<i64: 0, 0>} : (!stream.stream<1, 2, 50, !blend.fixed<3, 3>, 10>, tensor<4x1x2x!blend.word>, tensor<4x1x1xi64>) -> !stream.stream<1, 2, 4, !blend.fixed<9, 9>, 2>
  func.return
}

// -----

// CHECK: places [1, 0] are not ascending bits of 3
func.func @order(%x : !stream.stream<1, 2, 50, !blend.fixed<3, 3>, 10>, %w : tensor<4x1x2x!blend.word>, %b : tensor<4x1x1xi64>) {
  %r = stream.plane_mvu %x, %w, %b {places = array<i64: 1, 0>, row_classes = array<i64: 0>, column_classes = array<i64: 0, 0>} : (!stream.stream<1, 2, 50, !blend.fixed<3, 3>, 10>, tensor<4x1x2x!blend.word>, tensor<4x1x1xi64>) -> !stream.stream<1, 2, 4, !blend.fixed<9, 9>, 2>
  func.return
}

// -----

// CHECK: weight has shape [4, 1, 1] but should have [4, 1, 2]
func.func @weight(%x : !stream.stream<1, 2, 50, !blend.fixed<3, 3>, 10>, %w : tensor<4x1x1x!blend.word>, %b : tensor<4x1x1xi64>) {
  %r = stream.plane_mvu %x, %w, %b {places = array<i64: 0, 1>, row_classes = array<i64: 0>, column_classes = array<i64: 0, 0>} : (!stream.stream<1, 2, 50, !blend.fixed<3, 3>, 10>, tensor<4x1x1x!blend.word>, tensor<4x1x1xi64>) -> !stream.stream<1, 2, 4, !blend.fixed<9, 9>, 2>
  func.return
}
