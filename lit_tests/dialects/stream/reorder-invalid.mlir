// RUN: VERIFY_DIAG

// CHECK: input has elements i1 but result ui8
func.func @elements(%x : !stream.stream<1, 2, 2, i1, 1>) {
  %r = stream.reorder %x {extents = array<i64: 2, 2>, steps = array<i64: 1, 2>} : (!stream.stream<1, 2, 2, i1, 1>) -> !stream.stream<1, 2, 2, ui8, 1>
  func.return
}

// -----

// CHECK: loops visit 4 elements per frame but the result has 6
func.func @sizes(%x : !stream.stream<1, 2, 2, i1, 1>) {
  %r = stream.reorder %x {extents = array<i64: 2, 2>, steps = array<i64: 1, 2>} : (!stream.stream<1, 2, 2, i1, 1>) -> !stream.stream<1, 2, 3, i1, 1>
  func.return
}

// -----

// CHECK: 1 extents and 2 steps should be as many, at most 4
func.func @loops(%x : !stream.stream<1, 2, 2, i1, 1>) {
  %r = stream.reorder %x {extents = array<i64: 4>, steps = array<i64: 1, 2>} : (!stream.stream<1, 2, 2, i1, 1>) -> !stream.stream<1, 2, 2, i1, 1>
  func.return
}

// -----

// CHECK: loops of [4, 1] should have extents over 1
func.func @once(%x : !stream.stream<1, 2, 2, i1, 1>) {
  %r = stream.reorder %x {extents = array<i64: 4, 1>, steps = array<i64: 1, 1>} : (!stream.stream<1, 2, 2, i1, 1>) -> !stream.stream<1, 2, 2, i1, 1>
  func.return
}

// -----

// CHECK: loops visit 2 elements per frame but the result has 4
func.func @part(%x : !stream.stream<1, 2, 2, i1, 1>) {
  %r = stream.reorder %x {extents = array<i64: 2>, steps = array<i64: 1>} : (!stream.stream<1, 2, 2, i1, 1>) -> !stream.stream<1, 2, 2, i1, 1>
  func.return
}

// -----

// CHECK: streams have groups [2, 1] but are processed beat for beat
func.func @groups(%x : !stream.stream<1, 2, 2, i1, 2>) {
  %r = stream.reorder %x {extents = array<i64: 4>, steps = array<i64: 1>} : (!stream.stream<1, 2, 2, i1, 2>) -> !stream.stream<1, 2, 2, i1, 1>
  func.return
}

// -----

// CHECK: a group of 2 does not divide the 1 elements that stay side by side
func.func @torn(%x : !stream.stream<1, 2, 2, i1, 2>) {
  %r = stream.reorder %x {extents = array<i64: 2, 2>, steps = array<i64: 1, 2>} : (!stream.stream<1, 2, 2, i1, 2>) -> !stream.stream<1, 2, 2, i1, 2>
  func.return
}

// -----

// CHECK: 3 blocks do not divide 4 and 4 elements per frame
func.func @blocks(%x : !stream.stream<1, 2, 2, i1, 1>) {
  %r = stream.reorder %x {extents = array<i64: 4>, steps = array<i64: 1>, blocks = 3 : i64} : (!stream.stream<1, 2, 2, i1, 1>) -> !stream.stream<1, 2, 2, i1, 1>
  func.return
}

// -----

// CHECK: loops reach elements -1 .. 2 of parts of 4
func.func @before(%x : !stream.stream<1, 2, 2, i1, 1>) {
  %r = stream.reorder %x {extents = array<i64: 4>, steps = array<i64: -1>, offset = 2 : i64} : (!stream.stream<1, 2, 2, i1, 1>) -> !stream.stream<1, 2, 2, i1, 1>
  func.return
}

// -----

// CHECK: loops reach elements 1 .. 4 of parts of 4
func.func @behind(%x : !stream.stream<1, 2, 2, i1, 1>) {
  %r = stream.reorder %x {extents = array<i64: 4>, steps = array<i64: 1>, offset = 1 : i64} : (!stream.stream<1, 2, 2, i1, 1>) -> !stream.stream<1, 2, 2, i1, 1>
  func.return
}

// -----

// CHECK: input has elements i1 but result ui8
func.func @crop_elements(%x : !stream.stream<2, 2, 2, i1, 1>) {
  %r = stream.crop %x {starts = array<i64: 0, 0>, strides = array<i64: 1, 1>} : (!stream.stream<2, 2, 2, i1, 1>) -> !stream.stream<1, 2, 2, ui8, 1>
  func.return
}

// -----

// CHECK: input has positions of 2 elements but result of 4
func.func @crop_length(%x : !stream.stream<2, 2, 2, i1, 1>) {
  %r = stream.crop %x {starts = array<i64: 0, 0>, strides = array<i64: 1, 1>} : (!stream.stream<2, 2, 2, i1, 1>) -> !stream.stream<1, 1, 4, i1, 1>
  func.return
}

// -----

// CHECK: starts [0] and strides [1, 1] should be those of rows and columns
func.func @crop_starts(%x : !stream.stream<2, 2, 2, i1, 1>) {
  %r = stream.crop %x {starts = array<i64: 0>, strides = array<i64: 1, 1>} : (!stream.stream<2, 2, 2, i1, 1>) -> !stream.stream<1, 2, 2, i1, 1>
  func.return
}

// -----

// CHECK: rows and columns [2, 1] are outside a frame of [2, 2]
func.func @crop_outside(%x : !stream.stream<2, 2, 2, i1, 1>) {
  %r = stream.crop %x {starts = array<i64: 1, 0>, strides = array<i64: 1, 1>} : (!stream.stream<2, 2, 2, i1, 1>) -> !stream.stream<2, 2, 2, i1, 1>
  func.return
}

// -----

// CHECK: streams have groups [2, 1] but are processed beat for beat
func.func @crop_groups(%x : !stream.stream<2, 2, 2, i1, 2>) {
  %r = stream.crop %x {starts = array<i64: 1, 0>, strides = array<i64: 1, 1>} : (!stream.stream<2, 2, 2, i1, 2>) -> !stream.stream<1, 2, 2, i1, 1>
  func.return
}

// -----

// CHECK: positions have [2, 4, 2] elements
func.func @joined_lengths(%x : !stream.stream<1, 2, 2, i1, 2>, %y : !stream.stream<1, 2, 4, i1, 2>) {
  %r = stream.concat %x, %y {blocks = 1 : i64} : (!stream.stream<1, 2, 2, i1, 2>, !stream.stream<1, 2, 4, i1, 2>) -> !stream.stream<2, 2, 2, i1, 2>
  func.return
}

// -----

// CHECK: result has 5 positions of [2, 2]
func.func @joined_positions(%x : !stream.stream<1, 2, 2, i1, 2>, %y : !stream.stream<1, 2, 2, i1, 2>) {
  %r = stream.concat %x, %y {blocks = 1 : i64} : (!stream.stream<1, 2, 2, i1, 2>, !stream.stream<1, 2, 2, i1, 2>) -> !stream.stream<5, 1, 2, i1, 2>
  func.return
}

// -----

// CHECK: 3 blocks do not divide [2, 4] positions
func.func @joined_blocks(%x : !stream.stream<1, 2, 2, i1, 2>, %y : !stream.stream<2, 2, 2, i1, 2>) {
  %r = stream.concat %x, %y {blocks = 3 : i64} : (!stream.stream<1, 2, 2, i1, 2>, !stream.stream<2, 2, 2, i1, 2>) -> !stream.stream<3, 2, 2, i1, 2>
  func.return
}
