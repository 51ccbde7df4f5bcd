"""Recomputes satisfaction with the 311 service from the rows of the Kansas City survey.

usage: satisfaction.py FILE

Prints {question: {"dimension part": {column: value}}}; the intervals are those of statsmodels.
"""
import collections
import csv
import json
import statistics
import sys

from statsmodels.stats.proportion import proportion_confint

QUESTIONS = (
    "sat_311_service", "sat_311_ease_by_phone", "sat_311_ease_by_web_or_app",
    "sat_311_courtesy_call_takers", "sat_311_issue_resolved", "sat_overall_city_services")
CHANNELS = {"Web": "web_form", "Mail": "letter", "Phone": "phone"}
AGES = {"1": "18-24", "2": "25-34", "3": "35-44", "4": "45-54", "5": "55-64", "6": "65+"}
GENDERS = {"1": "male", "2": "female", "3": "other"}

scores = collections.defaultdict(lambda: collections.defaultdict(list))
with open(sys.argv[1], encoding="utf-8-sig", newline="") as text:
    for row in csv.DictReader(text):
        age = AGES.get(row["age_1_18_24_2_25_34_3_35_44_4_45_54_5_55_64_6_65plus"], "unknown")
        gender = GENDERS.get(row["gender_1m_2f_3other"], "unknown")
        race = row["race_ethnicity"] if row["race_ethnicity"] not in ("", "NA") else "unknown"
        for question in QUESTIONS:
            if row[question] in ("", "9", "NA"):
                continue
            score = int(row[question])
            for part in (
                    "all all", "service 311", "channel " + CHANNELS[row["survey_mode"]],
                    "group.age " + age, "group.gender " + gender, "group.race " + race):
                scores[question][part].append(score)

answer = {}
for question, parts in scores.items():
    answer[question] = {}
    for part, values in parts.items():
        satisfied = sum(value >= 4 for value in values)
        low, high = proportion_confint(satisfied, len(values), alpha=0.05, method="wilson")
        answer[question][part] = {
            "responses": len(values), "top_two": satisfied, "out_of_scale": 0,
            "satisfaction": satisfied / len(values), "satisfaction_low": float(low),
            "satisfaction_high": float(high), "mean_score": sum(values) / len(values),
            "median_score": statistics.median(values)}
print(json.dumps(answer))
