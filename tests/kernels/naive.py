"""What every kernel must compute, in plain Python, written from the formulas and not for speed."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import pairwise
from math import comb, factorial

import numpy as np

WORD = 2**32


def derivative_weights(nodes, derivative):
    """Σ_p w_p a_p^k = m! δ_km for k = 0 … P−1, solved in rational numbers."""
    a = [Fraction(node) for node in nodes]
    count = len(a)
    rows = [
        [node**k for node in a] + [Fraction(factorial(derivative) if k == derivative else 0)]
        for k in range(count)
    ]
    for column in range(count):
        pivot = next(r for r in range(column, count) if rows[r][column])
        rows[column], rows[pivot] = rows[pivot], rows[column]
        rows[column] = [value / rows[column][column] for value in rows[column]]
        for r in range(count):
            if r != column:
                factor = rows[r][column]
                rows[r] = [x - factor * y for x, y in zip(rows[r], rows[column], strict=True)]
    return [row[-1] for row in rows]


def stencil_points(n, features, pairs, multiples, corners):
    """The points in units of h, as tuples of n numbers: centre, axes, corners."""
    points = [(0.0,) * n]
    for i in features:
        for a in multiples:
            points.append(_at(n, {i: a}))
    for i, j in pairs:
        for a, b in corners:
            points.append(_at(n, {i: a, j: b}))
    return points


def _at(n, coordinates):
    return tuple(float(coordinates.get(i, 0.0)) for i in range(n))


def displaced(centres, steps, points):
    """x + p·h, event by event: (E, P, n), in the format of the centres."""
    rows = np.empty((len(centres), len(points), centres.shape[1]), centres.dtype)
    for e, centre in enumerate(centres):
        for p, point in enumerate(points):
            for i, multiple in enumerate(point):
                rows[e, p, i] = float(centre[i]) + multiple * steps[i]
    return rows


def coefficients(responses, points, steps, alphas, formula):
    """t_α of every event and response, (E, C, K), by the three sums of ``points``."""
    n = len(steps)
    place = {point: p for p, point in enumerate(points)}
    events, _, outputs = responses.shape
    found = np.empty((events, outputs, len(alphas)))
    for e in range(events):
        for c in range(outputs):

            def rise(coordinates, e=e, c=c):
                answer = responses[e, :, c]
                return float(answer[place[_at(n, coordinates)]]) - float(answer[0])

            for k, alpha in enumerate(alphas):
                found[e, c, k] = _coefficient(alpha, rise, steps, formula)
    return found


def _coefficient(alpha, rise, steps, formula):
    i, j = alpha[0], alpha[-1]
    on_axis = list(
        zip(formula.multiples, formula.first, formula.second, formula.ridge, strict=True)
    )
    if len(alpha) == 1:
        return sum(w * rise({i: a}) for a, w, _, _ in on_axis) / steps[i]
    if i == j:
        return sum(w * rise({i: a}) for a, _, w, _ in on_axis) / steps[i] ** 2
    total = sum(
        w * rise({i: a, j: b}) for (a, b), w in zip(formula.corners, formula.corner, strict=True)
    )
    total += sum(w * (rise({i: a}) + rise({j: a})) for a, _, _, w in on_axis)
    return total / (steps[i] * steps[j])


def philox(counter, key):
    """Philox4x32 with ten rounds, Salmon et al., SC11, on Python's integers."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        a, b = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (b // WORD) ^ c1 ^ k0, b % WORD, (a // WORD) ^ c3 ^ k1, a % WORD
        k0, k1 = (k0 + 0x9E3779B9) % WORD, (k1 + 0xBB67AE85) % WORD
    return c0, c1, c2, c3


def poisson_cdf(terms=13):
    """P(X ≤ k) of Poisson(1), to 50 digits, for k = 0 … terms − 1."""
    with localcontext() as context:
        context.prec = 60
        probability, total, cumulative = Decimal(-1).exp(), Decimal(0), []
        for k in range(terms):
            total += probability / factorial(k)
            cumulative.append(total)
    return cumulative


CDF = poisson_cdf()


def poisson_count(word):
    """The k with P(X ≤ k−1) ≤ u < P(X ≤ k) at u = word / 2³²."""
    u = Decimal(word) / WORD
    return sum(1 for probability in CDF[:-1] if u >= probability)


def poisson_counts(seed, numbers, replicates):
    """Replicate r of event k: word r mod 4 of the counter (k, r div 4), under the seed as key."""
    counts = np.empty((len(numbers), replicates))
    for e, number in enumerate(map(int, numbers)):
        for r in range(replicates):
            counter = (number % WORD, number // WORD, r // 4, 0)
            words = philox(counter, (seed % WORD, seed // WORD))
            counts[e, r] = poisson_count(words[r % 4])
    return counts


def computational_noise(values):
    """ECnoise of one line as its authors write it: a whole difference table, then the choice."""
    columns = [[float(v) for v in values]]
    while len(columns[-1]) > 1:
        last = columns[-1]
        columns.append([b - a for a, b in pairwise(last)])
    if 2 * sum(d == 0 for d in columns[1]) >= len(values):
        return "flat"
    sigma = {}
    for k in range(1, len(values)):
        gamma = factorial(k) ** 2 / factorial(2 * k)
        mean = sum(d * d for d in columns[k]) / len(columns[k])
        sigma[k] = (gamma * mean) ** 0.5
    for k in range(1, len(values) - 2):
        three = [sigma[k], sigma[k + 1], sigma[k + 2]]
        if min(columns[k]) < 0 < max(columns[k]) and max(three) <= 4 * min(three):
            return sigma[k]
    return "not found"


def noise_by_neighbours(response, places, levels, relative):
    """Geometric mean of the five levels around the place where a response would be sorted in."""
    count = len(places)
    width = min(5, count)
    start = sum(place < response for place in places) - width // 2
    start = min(max(start, 0), count - width)
    product = 1.0
    for k in range(start, start + width):
        product *= max(levels[k], relative * abs(places[k]))
    measured = product ** (1 / width) if width else 0.0
    return max(measured, relative * abs(response))


def rough(line, sigma):
    """R, kink and abs(δ⁶) of seven responses at −3h … 3h, by differences of differences."""
    table = [[float(v) for v in line]]
    for _ in range(6):
        last = table[-1]
        table.append([b - a for a, b in pairwise(last)])
    sixth, fourth = abs(table[6][0]), abs(table[4][1])
    fifth = abs(table[5][0] + table[5][1])  # twice their mean
    third = abs(table[3][1] + table[3][2])
    bend = max(abs(d) for d in table[2])
    noise = sum(comb(6, k) ** 2 for k in range(7)) + 2 * (1 + 16 + 25)
    noise = noise**0.5 * sigma
    high, low = sixth + fifth, fourth + third
    return max(0.0, high - low / 2 - 2 * noise), high > 0.8 * low + bend + 8 * noise, sixth
