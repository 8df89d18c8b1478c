// RUN: VERIFY_DIAG

// CHECK: input has elements i1 but result ui8
func.func @elements(%x : !stream.stream<1, 2, 2, i1, 1>) {
  %r = stream.reorder %x {extents = array<i64: 2, 2>, steps = array<i64: 1, 2>} : (!stream.stream<1, 2, 2, i1, 1>) -> !stream.stream<1, 2, 2, ui8, 1>
  func.return
}

// -----

// CHECK: input has 4 elements per frame but result 6
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

// CHECK: loops [(2, 1), (2, 1)] do not visit each of 4 elements once
func.func @twice(%x : !stream.stream<1, 2, 2, i1, 1>) {
  %r = stream.reorder %x {extents = array<i64: 2, 2>, steps = array<i64: 1, 1>} : (!stream.stream<1, 2, 2, i1, 1>) -> !stream.stream<1, 2, 2, i1, 1>
  func.return
}

// -----

// CHECK: loops visit 2 of 4 elements
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
