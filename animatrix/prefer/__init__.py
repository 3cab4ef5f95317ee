"""Preference: what is art and what is failure, learned from pairs and given back as a score.

pairs.py         a pair of clips under one directive, with its verdict and where it came from
merits.py        which take of a shot is the better one, by what was asked
negatives.py     clips that a careless judge would like: frozen, shuffled, slow, blurred ...
passage.py       the one door that all members go through, so that none has a fingerprint
sets.py          the members of a set, drawn; shards.py: kept in files; splits.py: who sees what
votes.py         what people said in the human study
ties.py          Bradley-Terry with ties
reward.py        the reward model; vlm.py: the same over a vision-language model
shown.py         what it is shown of a set, cut, disguised and told less
reward_task.py   its training in the engine; calibration.py, judging.py: what a score means
"""
