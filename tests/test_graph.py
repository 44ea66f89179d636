from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mfpnet import graph

BATCH, PIXELS, NODES, FEATURES = 2, 7, 4, 3


def noise(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def some_assignment() -> Tensor:
    return graph.assign(noise(BATCH, NODES, PIXELS))


def test_the_assignment_is_a_softmax_over_nodes() -> None:
    scores, assignment = noise(BATCH, NODES, PIXELS), some_assignment()
    torch.testing.assert_close(assignment.sum(dim=1), torch.ones(BATCH, PIXELS).double())
    for b in range(BATCH):
        for p in range(PIXELS):
            powers = [math.exp(scores[b, n, p]) for n in range(NODES)]
            for n in range(NODES):
                assert assignment[b, n, p].item() == pytest.approx(powers[n] / sum(powers))


def test_a_node_is_the_weighted_mean_of_its_pixels() -> None:
    assignment, features = some_assignment(), noise(BATCH, FEATURES, PIXELS, seed=1)
    nodes = graph.project(assignment, features)
    assert nodes.shape == (BATCH, NODES, FEATURES)
    for b in range(BATCH):
        for n in range(NODES):
            total = sum(assignment[b, n, p].item() for p in range(PIXELS))
            for s in range(FEATURES):
                weighted = sum(
                    assignment[b, n, p].item() * features[b, s, p].item() for p in range(PIXELS)
                )
                assert nodes[b, n, s].item() == pytest.approx(weighted / total)


def test_equal_pixels_give_nodes_equal_to_them() -> None:
    features = noise(BATCH, FEATURES, 1, seed=1)
    nodes = graph.project(some_assignment(), features.expand(-1, -1, PIXELS))
    torch.testing.assert_close(nodes, features.transpose(1, 2).expand(-1, NODES, -1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_a_node_that_no_pixel_chose_is_finite(dtype: torch.dtype) -> None:
    scores = torch.zeros(1, NODES, PIXELS)
    scores[:, 0] = -1000
    assignment = graph.assign(scores).to(dtype)
    assert assignment[:, 0].sum() == 0
    nodes = graph.project(assignment, torch.ones(1, FEATURES, PIXELS, dtype=dtype))
    assert torch.isfinite(nodes).all()


def test_a_node_that_no_pixel_chose_has_a_finite_gradient() -> None:
    scores = torch.zeros(1, NODES, PIXELS)
    scores[:, 0] = -1000
    scores.requires_grad_()
    nodes = graph.project(graph.assign(scores), torch.ones(1, FEATURES, PIXELS))
    nodes.square().sum().backward()
    assert scores.grad is not None
    assert torch.isfinite(scores.grad).all()


def test_the_adjacency_mixes_with_weights_of_a_mean() -> None:
    scores = noise(NODES, NODES)
    adjacency = graph.row_stochastic(scores)
    for i in range(NODES):
        powers = [math.exp(scores[i, j]) for j in range(NODES)]
        expected = torch.tensor(powers).double() / sum(powers)
        torch.testing.assert_close(adjacency[i], expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("nodes", [2, 3, 16])
def test_self_loops_keep_half_for_the_node_itself(nodes: int) -> None:
    adjacency = graph.row_stochastic(graph.self_loops(nodes))
    torch.testing.assert_close(adjacency.diagonal(), torch.full((nodes,), 0.5))
    others = adjacency[~torch.eye(nodes, dtype=torch.bool)]
    torch.testing.assert_close(others, torch.full_like(others, 0.5 / (nodes - 1)))


def test_one_node_alone_is_its_own_neighbour() -> None:
    assert graph.row_stochastic(graph.self_loops(1)).tolist() == [[1.0]]


def naive_product(A: Tensor, B: Tensor) -> Tensor:
    """The matrix product as a triple loop."""
    result = torch.zeros(A.shape[0], B.shape[1], dtype=A.dtype)
    for i in range(A.shape[0]):
        for j in range(B.shape[1]):
            result[i, j] = sum(A[i, k] * B[k, j] for k in range(A.shape[1]))
    return result


@pytest.mark.parametrize("steps", [0, 1, 2, 3])
def test_the_simple_form_is_a_power_of_the_adjacency(steps: int) -> None:
    V, W = noise(BATCH, NODES, FEATURES), noise(FEATURES, FEATURES, seed=1)
    A = graph.row_stochastic(noise(NODES, NODES, seed=2))
    Z = graph.propagate_simple(V, A, W, steps)
    for b in range(BATCH):
        expected = V[b]
        for _ in range(steps):
            expected = naive_product(A, expected)
        torch.testing.assert_close(Z[b], naive_product(expected, W))


def test_the_glore_form_is_laplacian_smoothing() -> None:
    V, W = noise(BATCH, NODES, FEATURES), noise(FEATURES, FEATURES, seed=1)
    A = graph.row_stochastic(noise(NODES, NODES, seed=2))
    Z = graph.propagate_glore(V, A, W)
    for b in range(BATCH):
        smoothed = naive_product(V[b] - naive_product(A, V[b]), W)
        torch.testing.assert_close(Z[b], smoothed.clamp(min=0))
    assert Z.min() == 0


def test_a_pixel_reads_the_mixture_of_its_nodes() -> None:
    Q, Z = some_assignment(), noise(BATCH, NODES, FEATURES, seed=3)
    Y = graph.reproject(Q, Z)
    assert Y.shape == (BATCH, FEATURES, PIXELS)
    for b in range(BATCH):
        torch.testing.assert_close(Y[b], naive_product(Z[b].T.contiguous(), Q[b]))


def whole_graph(scores: Tensor, features: Tensor, adjacency: Tensor, W: Tensor) -> Tensor:
    """Project, propagate, reproject."""
    Q, A = graph.assign(scores), graph.row_stochastic(adjacency)
    return graph.reproject(Q, graph.propagate_simple(graph.project(Q, features), A, W, 2))


def test_the_whole_graph_passes_gradcheck() -> None:
    inputs = (
        noise(BATCH, NODES, PIXELS),
        noise(BATCH, FEATURES, PIXELS, seed=1),
        noise(NODES, NODES, seed=2),
        noise(FEATURES, FEATURES, seed=3),
    )
    assert torch.autograd.gradcheck(whole_graph, [value.requires_grad_() for value in inputs])


def test_the_glore_form_passes_gradcheck() -> None:
    V, A, W = noise(BATCH, NODES, FEATURES), noise(NODES, NODES, seed=2), noise(3, 3, seed=3)
    inputs = [value.requires_grad_() for value in (V, A, W)]
    assert torch.autograd.gradcheck(graph.propagate_glore, inputs)


def smooth_picture(size: tuple[int, int], channels: int = 8) -> Tensor:
    """The same random blobs at any size: (1, channels, H x W)."""
    blobs = noise(1, channels, 5, 5).float()
    return F.interpolate(blobs, size=size, mode="bicubic", align_corners=True).flatten(2)


def spread(assign: Callable[[Tensor], Tensor], size: tuple[int, int]) -> float:
    """Standard deviation over the pixels of what they read back, mean of its features."""
    picture = smooth_picture(size)
    Q = assign(noise(16, 8, seed=1).float() @ picture)
    V = graph.project(Q, noise(4, 8, seed=2).float() @ picture)
    A = graph.row_stochastic(graph.self_loops(16))
    Y = graph.reproject(Q, graph.propagate_simple(V, A, torch.eye(4), 2))
    return Y.std(dim=2).mean().item()


def fading(assign: Callable[[Tensor], Tensor], stride: int) -> float:
    """Spread at 32x32 over that at 1024x2048, in features of this stride."""
    small, large = ((h // stride, w // stride) for h, w in ((32, 32), (1024, 2048)))
    return spread(assign, small) / spread(assign, large)


@pytest.mark.parametrize("stride", [2, 4, 8])
def test_the_reprojection_does_not_fade_with_the_size(stride: int) -> None:
    assert 1 / 3 < fading(graph.assign, stride) < 3


def test_a_softmax_over_pixels_would_fade() -> None:
    assert fading(lambda scores: torch.softmax(scores, dim=2), 8) > 100
