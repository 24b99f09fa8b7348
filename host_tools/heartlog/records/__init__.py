"""The clinic's records: patients, diary, findings, corrections, equipment, audit trail.

    from heartlog.records import patients

    anna = patients.add(store, identifier="P-1001", name="Anna", who="J. Doe")
    patients.merge(store, keep=anna.id, other=duplicate.id, who="J. Doe")

Every change is made with its audit entry in one transaction: who, when, before, after.
"""
