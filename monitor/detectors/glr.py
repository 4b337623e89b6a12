r"""Generalised likelihood ratio for rare events: has the rate of a rare indicator gone up, from whatever it was before?

After N observations with k events, every split into an older part (n₀, k₀) and a newer part (n₁, k₁) with a higher rate
is weighed by

    statistic = n₁ kl(k₁/n₁, k/N) + n₀ kl(k₀/n₀, k/N),      kl(p, q) = p ln(p/q) + (1−p) ln((1−p)/(1−q)),

and a change is found when the largest exceeds A + ln 3 + ½ ln N.  Because the older part is whatever the stream itself
has shown (the reference first of all), nothing need be assumed about a rate that was never seen: five missing values
within a hundred observations are telling after ten thousand without any, long before their mean is.

Only the newest 32 events can begin the newer part, so the state is small and nothing is done between events: a
channel at rest costs nothing.  Events closer than 8 observations to the last one counted are one burst, and a burst
is one event: a hiccup of a few records is no drift, and a feed that stays dead is Page-Hinkley's to find.

Parameters
----------
number, events : of the reference, the first older part.
level : A; e^−A bounds the rate of false alarms per observation of independent values.

Trade-offs
----------
Upward only, and for independent events only: a falling rate and bursts in bulk are left to the other detectors.

>>> detector = Glr(number=10_000, events=0, level=18.0)
>>> detector.update([40, 50, 60, 70], length=80)
-1
>>> detector.update([0, 20], length=40)         # the fifth within forty-one observations
0
>>> detector.since, detector.statistic > detector.threshold
(41, True)

References
----------
T. L. Lai and H. Xing.  Sequential change-point detection when the pre- and post-change parameters are unknown.
Sequential Analysis 29 (2010), 162-175.  L. Besson, E. Kaufmann, O.-A. Maillard and J. Seznec.  Efficient change-point
detection for tackling piecewise-stationary bandits.  JMLR 23 (2022): its threshold ln(3 N √N / δ), with δ = N e^−A.
Bursts are declustered by runs as in M. R. Leadbetter, Stochastic Processes and their Applications 12 (1982).
"""

from monitor.detectors._glr import Glr

RATE_MOST = 0.2  #: reference rate up to which an indicator counts as rare

__all__ = ["RATE_MOST", "Glr"]
