"""Statistics of the human study: votes in, numbers out; no folder, page or clip is known here.

tallies.py         votes counted by rater, prompt and kind of vote
bradley_terry.py   scores of systems from comparisons with ties
opinion.py         mean opinion scores
twoway.py          intervals and p values over raters and prompts
agreement.py       Krippendorff's alpha, intraclass correlation
screening.py       which raters count, by rules stated beforehand
power.py           how many votes a study needs
simulated.py       studies with a known answer; simulated_raters.py: whole raters, honest and not
"""
