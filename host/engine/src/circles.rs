//! Strongly connected parts of a graph, to find the edges that lie on a circle. Tarjan's algorithm, without recursion.

/// For every node the number of its part: two nodes lie on a common circle exactly when they have the same one.
pub(crate) fn parts(after: &[Vec<usize>]) -> Vec<usize> {
    const NEW: usize = usize::MAX;
    let count = after.len();
    let (mut seen, mut low, mut part) = (vec![NEW; count], vec![0; count], vec![NEW; count]);
    let (mut stack, mut next, mut parts) = (Vec::new(), 0, 0);
    for root in 0..count {
        if seen[root] != NEW {
            continue;
        }
        let mut open: Vec<(usize, usize)> = vec![(root, 0)];
        while let Some(&mut (node, ref mut edge)) = open.last_mut() {
            if *edge == 0 {
                (seen[node], low[node]) = (next, next);
                next += 1;
                stack.push(node);
            }
            if let Some(&then) = after[node].get(*edge) {
                *edge += 1;
                if seen[then] == NEW {
                    open.push((then, 0));
                } else if part[then] == NEW {
                    low[node] = low[node].min(seen[then]);
                }
                continue;
            }
            open.pop();
            if let Some(&(above, _)) = open.last() {
                low[above] = low[above].min(low[node]);
            }
            if low[node] == seen[node] {
                while let Some(member) = stack.pop() {
                    part[member] = parts;
                    if member == node {
                        break;
                    }
                }
                parts += 1;
            }
        }
    }
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_circles_from_branches() {
        let part = parts(&[vec![1], vec![2, 3], vec![0], vec![4], vec![], vec![5]]);
        assert!(part[0] == part[1] && part[1] == part[2]);
        assert!(part[3] != part[0] && part[3] != part[4] && part[5] != part[4]);
    }

    #[test]
    fn long_chains_do_not_overflow() {
        let after: Vec<Vec<usize>> = (0..100_000).map(|i| if i == 99_999 { vec![0] } else { vec![i + 1] }).collect();
        assert!(parts(&after).iter().all(|part| *part == 0));
    }
}
