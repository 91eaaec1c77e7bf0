"""Results in other programs: each of them in one file, imported only by who asks for it.

``mlflow``  metrics, tags and files of a result in a run of MLflow
"""
